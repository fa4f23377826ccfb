/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an answer of the origin consists of. */
#include "bench/origin_step.h"

/* Pieces of a body up to this size are copied behind the head; larger ones are sent from where they
 * are. */
#define COPY_MAX 2048

static void put_last_fields(struct connection *c)
{
    struct out *o = &c->out;
    if (!c->keep_alive)
        out_lit(o, "Connection: close\r\n");
    else if (c->version_minor == 0)
        out_lit(o, "Connection: keep-alive\r\n");
    out_lit(o, "\r\n");
}

/* The next part of the body: copied when small. */
static void put_direct(struct connection *c, uint64_t bytes)
{
    if (bytes <= COPY_MAX && bytes <= step_room(c)) {
        out_mem(&c->out, step_body(c), (size_t)bytes);
        c->body_at += bytes;
        c->body_left -= bytes;
    } else {
        c->direct_left = bytes;
    }
}

void body_put_answer(struct connection *c)
{
    struct answer *a = &c->answer;
    struct out *o = &c->out;
    struct str body = a->text;
    char count[24];
    if (a->body == ANSWER_COUNT) {
        struct out text = out_into(count, sizeof count);
        out_u64(&text, c->request_body_bytes);
        out_char(&text, '\n');
        body = (struct str){ count, out_len(&text) };
        a->body = ANSWER_TEXT;
    }
    if (c->version_minor == 0 && (a->body == ANSWER_CHUNKED || a->body == ANSWER_ECHO))
        c->keep_alive = false;
    if (a->body == ANSWER_UNTIL_CLOSE)
        c->keep_alive = false;
    answer_put_status(o, a->status);
    out_str(o, c->worker->fields);
    if (a->body == ANSWER_TEXT || a->body == ANSWER_SIZE) {
        uint64_t size = a->body == ANSWER_TEXT ? body.len : a->size;
        out_lit(o, "Content-Length: ");
        out_u64(o, a->reset ? 2 * size : size);
        out_lit(o, "\r\n");
    } else if (c->version_minor > 0 && a->body != ANSWER_UNTIL_CLOSE) {
        out_lit(o, "Transfer-Encoding: chunked\r\n");
        if (a->trailers)
            out_lit(o, "Trailer: X-Bytes\r\n");
    }
    put_last_fields(c);
    c->state = a->early ? AT_BODY_LAST : AT_END;
    if (c->head_only)
        return;
    if (a->body == ANSWER_TEXT) {
        out_str(o, body);
        return;
    }
    c->state = AT_SEND;
    c->body_left = a->size;
    c->body_at = 0;
    if (a->body != ANSWER_CHUNKED && a->drip_ms == 0)
        put_direct(c, c->body_left);
}

static bool is_chunked(const struct connection *c)
{
    return c->version_minor > 0 &&
           (c->answer.body == ANSWER_CHUNKED || c->answer.body == ANSWER_ECHO);
}

static void put_chunk_size(struct connection *c, uint64_t bytes)
{
    if (!is_chunked(c))
        return;
    out_hex(&c->out, bytes);
    out_lit(&c->out, "\r\n");
}

static void put_chunk_end(struct connection *c)
{
    if (is_chunked(c))
        out_lit(&c->out, "\r\n");
}

static void put_last_chunk(struct connection *c)
{
    if (!is_chunked(c))
        return;
    out_lit(&c->out, "0\r\n");
    if (c->answer.trailers) {
        out_lit(&c->out, "X-Bytes: ");
        out_u64(&c->out, c->answer.size);
        out_lit(&c->out, "\r\n");
    }
    out_lit(&c->out, "\r\n");
}

/* direct_left is 0: the piece before this one is sent, or was copied. */
enum step body_send(struct connection *c)
{
    const struct answer *a = &c->answer;
    if (a->body == ANSWER_CHUNKED && c->body_at > 0)
        put_chunk_end(c);
    if (c->body_left > 0 && a->drip_ms > 0 && c->body_at > 0 && !c->dripped) {
        c->answer.delay_ms = a->drip_ms;
        c->dripped = true;
        c->state = AT_DELAY;
        c->after_delay = AT_SEND;
        return STEP_AGAIN;
    }
    if (c->body_left > 0) {
        uint64_t bytes = a->chunk < c->body_left ? a->chunk : c->body_left;
        c->dripped = false;
        put_chunk_size(c, bytes);
        put_direct(c, bytes);
        return STEP_AGAIN;
    }
    if (a->body == ANSWER_CHUNKED)
        put_last_chunk(c);
    c->state = AT_END;
    return STEP_AGAIN;
}

/* The request's head was put as the first chunk; now its body, in the pieces it comes in. */
enum step body_echo(struct connection *c)
{
    struct str text = step_input(c), data;
    if (c->request_body.state == BODY_END) {
        put_last_chunk(c);
        c->state = AT_END;
        return STEP_AGAIN;
    }
    if (text.len == 0)
        return STEP_INPUT;
    if (text.len > step_room(c) - ROOM_MIN / 2)
        text.len = step_room(c) - ROOM_MIN / 2;
    long used = request_body_read(&c->request_body, text, &data);
    if (used < 0) {
        c->state = AT_CLOSE;
        return STEP_AGAIN;
    }
    if (data.len > 0) {
        put_chunk_size(c, data.len);
        out_str(&c->out, data);
        put_chunk_end(c);
    }
    step_input_used(c, (size_t)used);
    return STEP_AGAIN;
}

/* Reads the request's body and drops it. */
enum step body_drop(struct connection *c, enum connection_state then)
{
    struct str text = step_input(c), data;
    if (c->request_body.state == BODY_END) {
        c->state = then;
        return STEP_AGAIN;
    }
    if (text.len == 0)
        return STEP_INPUT;
    long used = request_body_read(&c->request_body, text, &data);
    if (used < 0) {
        c->state = AT_CLOSE;
        return STEP_AGAIN;
    }
    c->request_body_bytes += data.len;
    step_input_used(c, (size_t)used);
    return STEP_AGAIN;
}

void body_begin_echo(struct connection *c, struct str head)
{
    body_put_answer(c);
    if (c->head_only) {
        c->state = AT_BODY_LAST;
        return;
    }
    if (head.len > step_room(c) - ROOM_MIN)
        head.len = step_room(c) - ROOM_MIN;
    put_chunk_size(c, head.len);
    out_str(&c->out, head);
    put_chunk_end(c);
    c->state = AT_ECHO;
}

void body_begin_websocket(struct connection *c, const struct request *r)
{
    char accept[WEBSOCKET_ACCEPT_BYTES];
    if (r->websocket_key.len != WEBSOCKET_KEY_BYTES || r->body.state != BODY_END) {
        c->answer.status = 426;
        c->answer.body = ANSWER_TEXT;
        c->answer.text = STR("This is for a WebSocket.\n");
        return;
    }
    websocket_accept(r->websocket_key, accept);
    answer_put_status(&c->out, 101);
    out_lit(&c->out, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
    out_mem(&c->out, accept, sizeof accept);
    out_lit(&c->out, "\r\n\r\n");
    c->websocket = (struct websocket){ 0 };
    c->state = AT_WEBSOCKET;
}

enum step body_websocket(struct connection *c)
{
    struct str text = step_input(c);
    size_t whole = text.len;
    if (whole == 0)
        return STEP_INPUT;
    enum websocket_event e = websocket_echo(&c->websocket, &text, &c->out);
    step_input_used(c, whole - text.len);
    if (e == WEBSOCKET_OVER || e == WEBSOCKET_MALFORMED)
        c->state = AT_CLOSE;
    return e == WEBSOCKET_FULL ? STEP_FLUSH : STEP_AGAIN;
}
