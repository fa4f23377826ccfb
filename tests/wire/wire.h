/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The real binary between scripted servers and clients, over real loopback sockets.
 *
 * A test is a script: one thread plays the clients and the servers in turn. What waits, waits for
 * an event (bytes, an end, a connection, a log line, an exit), at most until the test's deadline;
 * nothing sleeps. Whatever is not as said fails the test, which then prints what was said and heard
 * so far and sluice's stderr. After each script everything is closed and sluice asked to end: it
 * has to, with exit code 0, which also means that nothing leaked (the worker checks it).
 * Everything belongs to the wire and goes with it. */
#ifndef SLUICE_TESTS_WIRE_H
#define SLUICE_TESTS_WIRE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

struct wire;

/* ---- tests (wire.c) ---- */

struct wire_script {
    void (*run)(struct wire *w);
};

int wire_setup(void **state);
void wire_run(void **state);
int wire_teardown(void **state);

#define TEST(script)                                                                               \
    {                                                                                              \
#script, wire_run, wire_setup, wire_teardown, &(struct wire_script)                        \
        {                                                                                          \
            script                                                                                 \
        }                                                                                          \
    }

/* Fails the test, saying why. */
void wire_fail(struct wire *w, const char *format, ...) PRINTF_LIKE(2, 3) __attribute__((noreturn));

/* Adds a line to what is printed if the test fails: which case of a table, for example. */
void wire_note(struct wire *w, const char *format, ...) PRINTF_LIKE(2, 3);

/* Memory, a string, and a path in a directory of the test's own; they go with the wire. */
void *wire_alloc(struct wire *w, size_t bytes);
char *wire_text(struct wire *w, const char *format, ...) PRINTF_LIKE(2, 3);
char *wire_path(struct wire *w, const char *name);
char *wire_read_file(struct wire *w, const char *path);

/* `count` times the character. */
char *wire_repeat(struct wire *w, char c, size_t count);

/* Milliseconds until the deadline; none left fails the test. */
int wire_left_ms(struct wire *w);
uint64_t wire_now_us(void);

/* Waits until fd is readable (or writable, for POLLOUT). `what` is waited for. */
void wire_wait(struct wire *w, int fd, short events, const char *what);

/* ---- sluice (process.c) ---- */

/* Starts `sluice proxy` with options (as in printf, separated by spaces), waits until it listens.
 * Without them: --from 127.0.0.1:0, --to all servers of the test, --log json on stdout (for
 * logged()), --workers 1. */
void sluice_start(struct wire *w, const char *options, ...) PRINTF_LIKE(2, 3);

/* The same with `sluice run` and a configuration (as in printf), whose log is json on stdout. In it
 * $LISTEN is an address of its own, $SERVERS all servers of the test. */
void sluice_run_config(struct wire *w, const char *yaml, ...) PRINTF_LIKE(2, 3);

/* The same with a whole configuration of the test's own. */
void sluice_run_file(struct wire *w, const char *path);

/* Writes the configuration anew (for a HUP). */
void sluice_write_config(struct wire *w, const char *yaml, ...) PRINTF_LIKE(2, 3);

/* Before sluice_start(): descriptors that sluice may have. */
void sluice_limit_descriptors(struct wire *w, unsigned count);

/* Before sluice_start() or sluice_run(): a seccomp filter answers io_uring_setup(2) with an error.
 */
void sluice_without_io_uring(struct wire *w, int error);

/* Before sluice_start(): its stdout is a terminal, and it gets no --log. */
void sluice_on_terminal(struct wire *w);

/* The address after "listening on", of the n-th listener. */
const char *sluice_address(struct wire *w, unsigned n);
unsigned sluice_port(struct wire *w);
pid_t sluice_pid(struct wire *w);

void sluice_signal(struct wire *w, int signal_number);

/* Waits until sluice's stderr holds the text. */
void sluice_says(struct wire *w, const char *text);

/* Waits for its end, which must have that exit code. */
void sluice_ends(struct wire *w, int exit_code);

/* The same after closing all that is open and TERM, with code 0. Scripts need not call it. Servers
 * that were closed are forgotten: they are not $SERVERS of the next start. */
void sluice_stop(struct wire *w);

/* Runs sluice with arguments (as in printf, separated by spaces) to its end. */
struct outcome {
    int code;
    const char *out, *err;
};
struct outcome sluice_run(struct wire *w, const char *arguments, ...) PRINTF_LIKE(2, 3);

/* The next line of the access log on stdout. */
const char *log_line(struct wire *w);

/* The next log line, a JSON object, has these fields: "end=ok status=200" (as in printf). "name="
 * says that there is no such field. Returns the line. */
const char *logged(struct wire *w, const char *fields, ...) PRINTF_LIKE(2, 3);

/* The value of a field of a JSON line, without its quotes; NULL if there is none. */
const char *log_field(struct wire *w, const char *line, const char *name);

/* ---- connections (conn.c) ---- */

struct conn {
    struct wire *w;
    struct conn *next;
    char who[32];
    int fd;
    char *in; /* received, not yet heard */
    size_t in_len, in_cap;
    bool ended, reset;
};

struct origin {
    struct wire *w;
    struct origin *next;
    int fd;
    unsigned accepted;
    pid_t pid;        /* of a server that answers by itself, else 0 */
    const char *name; /* its address */
};

struct conn *client_dial(struct wire *w);
struct conn *client_dial_to(struct wire *w, const char *address);
/* From an address of ours ("127.0.0.5:0"). */
struct conn *client_dial_from(struct wire *w, const char *own_address);

/* Waits until sluice's address refuses connections. */
void client_refused(struct wire *w);

struct origin *origin_open(struct wire *w);
struct origin *origin_open_at(struct wire *w, const char *address);
struct origin *origin_dead(struct wire *w); /* refuses connections */
struct origin *origin_full(struct wire *w); /* answers no connection request */
void origin_close(struct origin *o);        /* from now on it refuses */
struct conn *origin_accept(struct origin *o);
/* On whichever server somebody connects to first. */
struct conn *origin_accept_any(struct wire *w);
/* Nobody has connected that was not accepted. */
void origin_untouched(struct origin *o);

void say(struct conn *c, const char *text);
void say_bytes(struct conn *c, const void *p, size_t n);
void sayf(struct conn *c, const char *format, ...) PRINTF_LIKE(2, 3);
/* Each byte after the one before was taken by the peer. */
void say_slowly(struct conn *c, const char *text);

/* Waits until all that was said has been taken by the peer. */
void wait_taken(struct conn *c);

/* The next bytes are exactly these. */
void hear(struct conn *c, const char *text);
/* The next n bytes; what comes up to and with the mark. Terminated. */
char *hear_bytes(struct conn *c, size_t n);
char *hear_until(struct conn *c, const char *mark);
/* Nothing more comes: an orderly end; a reset; any of them. Hearing a reset or any end skips what
 * came before. */
void hear_end(struct conn *c);
void hear_reset(struct conn *c);
void hear_gone(struct conn *c);
/* Nothing has come that was not heard. */
void hear_nothing(struct conn *c);

/* More bytes or the end; false: the end. */
bool conn_receive(struct conn *c);
void conn_consume(struct conn *c, size_t n);

void end_sending(struct conn *c);
void hang_up(struct conn *c);
void hang_up_hard(struct conn *c); /* with a reset */

/* ---- messages (message.c) ---- */

enum coding { BY_NOTHING, BY_LENGTH, BY_CHUNKS, BY_CLOSE };

struct message {
    struct wire *w;
    const char *start; /* the first line */
    const char *head;  /* all lines of the head */
    int status;        /* of responses */
    enum coding coding;
    uint64_t length; /* BY_LENGTH */
    const char *body;
    size_t body_len;
    const char *trailers; /* "": none */
    bool cut;             /* the connection ended before the message did */
};

/* A head only, without reading the body; a whole message. */
struct message hear_head(struct conn *c);
struct message hear_request(struct conn *c);
struct message hear_answer(struct conn *c);
struct message hear_answer_to(struct conn *c, const char *method);
/* A response that is visibly not whole: by length or chunks too short, or a reset. */
struct message hear_cut_answer(struct conn *c);

/* The value of the field, which stands there once; NULL: it does not. */
const char *field(const struct message *m, const char *name);
void has_field(const struct message *m, const char *name, const char *value);
void has_no_field(const struct message *m, const char *name);

/* The next answer has that status and body. */
struct message hear_status(struct conn *c, int status);
struct message hear_answered(struct conn *c, int status, const char *body);

/* A request was refused: that status, "Connection: close", the end of the connection. */
struct message hear_refused(struct conn *c, int status);

/* One whole exchange of the simplest kind: a client's GET, answered by the server with the text.
 * Returns the server's connection; `on` is the one to expect it on, NULL: a new one. */
struct conn *get_and_answer(struct conn *client, struct origin *o, struct conn *on,
                            const char *text);

/* ---- streams of many bytes (stream.c) ---- */

/* Sends so many bytes that the position and the seed determine, in that coding, from a child
 * process. */
void stream_send(struct conn *c, uint64_t seed, uint64_t bytes, enum coding coding);
/* Hears them, and the end of the coding. */
void stream_hear(struct conn *c, uint64_t seed, uint64_t bytes, enum coding coding);
/* These bytes are the first n of that seed's. */
void stream_check(struct wire *w, uint64_t seed, const char *p, size_t n);
/* The children have sent all. */
void streams_sent(struct wire *w);
/* None of them could: its connection went before. */
void streams_cut(struct wire *w);

/* ---- servers that answer by themselves, and load (crew.c) ---- */

/* A server in a child process that answers each request with 200 and `text`, or with another status
 * that the text begins with: "500 oh". */
struct origin *origin_answering(struct wire *w, const char *text);
struct origin *origin_answering_at(struct wire *w, const char *address, const char *text);
void origin_kill(struct origin *o);

struct load {
    unsigned connections, requests;
    const char *path;
    unsigned kill_after; /* requests; 0: never */
    struct origin *victim;
    /* results */
    unsigned answered; /* with 200 */
    unsigned others;   /* with another status, or not at all */
    unsigned by[26];   /* answers that begin with "A" to "Z" */
};

/* Keep-alive clients that ask again as soon as they are answered. */
void load_run(struct wire *w, struct load *load);

/* The texts of answers to one GET each on one connection: "ABAB". fields: lines of the head. */
const char *who_answers(struct wire *w, unsigned requests, const char *path, const char *fields);

/* ---- inside the harness ---- */

struct text {
    char *p;
    size_t len, cap;
};

void text_add(struct text *t, const void *p, size_t n);

struct process {
    pid_t pid; /* 0: none */
    int out_fd, err_fd;
    struct text out, err; /* all of stderr; what of stdout was not read by log_line() */
};

struct wire {
    void (*script)(struct wire *w);
    bool passed;
    uint64_t deadline_us;
    struct text notes;
    struct process sluice;
    unsigned descriptors_max;
    int io_uring_error; /* 0: it may be used */
    bool on_terminal;
    const char *addresses[8];
    struct conn *conns;
    struct origin *origins;
    unsigned clients_count;
    pid_t children[16]; /* senders */
    unsigned children_count;
    char dir[64];
    struct block *blocks;
};

/* Starts a child that runs a function with the one descriptor it keeps, ends with the result, and
 * dies with the test. */
pid_t wire_fork(struct wire *w, int (*run)(int fd, const void *arg), int fd, const void *arg);
/* Waits for its end: the exit code, or 128 and the signal. */
int wire_join(struct wire *w, pid_t pid);
void wire_note_bytes(struct wire *w, const char *who, const char *what, const void *p, size_t n);
void wire_close_all(struct wire *w);

#endif
