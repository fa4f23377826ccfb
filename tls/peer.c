/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/peer.h"

#include <stdlib.h>
#include <string.h>

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/wolfcrypt/sha256.h>

#include "core/base/check.h"
#include "core/base/out.h"
#include "tls/der.h"
#include "tls/session.h"

#define NAME_PARTS_MAX 64
/* A byte becomes three characters at most, an attribute's type some more. */
#define TEXT_BYTES_PER_BYTE 3
#define TEXT_BYTES_PER_PART 40

/* --- names --- */

/* RFC 4514 3, and what everybody writes besides. */
static const struct {
    uint8_t oid[10];
    uint8_t len;
    const char *name;
} attribute_names[] = {
    { { 0x55, 0x04, 0x03 }, 3, "CN" },
    { { 0x55, 0x04, 0x06 }, 3, "C" },
    { { 0x55, 0x04, 0x07 }, 3, "L" },
    { { 0x55, 0x04, 0x08 }, 3, "ST" },
    { { 0x55, 0x04, 0x09 }, 3, "STREET" },
    { { 0x55, 0x04, 0x0a }, 3, "O" },
    { { 0x55, 0x04, 0x0b }, 3, "OU" },
    { { 0x55, 0x04, 0x05 }, 3, "serialNumber" },
    { { 0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19 }, 10, "DC" },
    { { 0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01 }, 10, "UID" },
    { { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01 }, 9, "emailAddress" },
};

static void put_hex(struct out *o, struct der bytes)
{
    for (uint32_t i = 0; i < bytes.left; i++)
        out_hex_padded(o, bytes.at[i], 2);
}

static void put_type(struct out *o, struct der oid)
{
    for (size_t i = 0; i < ARRAY_LEN(attribute_names); i++)
        if (attribute_names[i].len == oid.left &&
            memcmp(attribute_names[i].oid, oid.at, oid.left) == 0) {
            out_str(o, str_of(attribute_names[i].name));
            return;
        }
    uint64_t arc = 0;
    bool first = true;
    for (uint32_t i = 0; i < oid.left; i++) {
        arc = arc << 7 | (oid.at[i] & 0x7f);
        if (oid.at[i] & 0x80)
            continue;
        if (first) {
            out_u64(o, arc < 80 ? arc / 40 : 2);
            arc = arc < 80 ? arc % 40 : arc - 80;
        }
        out_char(o, '.');
        out_u64(o, arc);
        arc = 0;
        first = false;
    }
}

/* RFC 4514 2.4. What is no ASCII is escaped too: the text may become a header. */
static void put_value(struct out *o, uint8_t tag, struct der value, struct der whole)
{
    if (tag != DER_UTF8 && tag != DER_PRINTABLE && tag != DER_IA5 && tag != DER_T61) {
        out_char(o, '#');
        put_hex(o, whole);
        return;
    }
    for (uint32_t i = 0; i < value.left; i++) {
        uint8_t c = value.at[i];
        bool edge = (i == 0 && (c == '#' || c == ' ')) || (i + 1 == value.left && c == ' ');
        if (c < 0x20 || c >= 0x7f) {
            out_char(o, '\\');
            out_hex_padded(o, c, 2);
            continue;
        }
        if (edge || strchr("\"+,;<>\\", c))
            out_char(o, '\\');
        out_char(o, (char)c);
    }
}

static bool put_relative_name(struct out *o, struct der set)
{
    for (bool first = true; set.left; first = false) {
        struct der pair, oid, value, whole;
        uint8_t tag;
        if (!der_take(&set, DER_SEQUENCE, &pair) || !der_take(&pair, DER_OID, &oid) ||
            !der_next(&pair, &tag, &value, &whole))
            return false;
        if (!first)
            out_char(o, '+');
        put_type(o, oid);
        out_char(o, '=');
        put_value(o, tag, value, whole);
    }
    return true;
}

/* The last part comes first. */
static bool put_name(struct out *o, struct der name)
{
    struct der parts[NAME_PARTS_MAX];
    uint32_t count = 0;
    for (; name.left; count++)
        if (count == NAME_PARTS_MAX || !der_take(&name, DER_SET, &parts[count]))
            return false;
    for (uint32_t i = count; i-- > 0;) {
        if (!put_relative_name(o, parts[i]))
            return false;
        if (i)
            out_char(o, ',');
    }
    return !o->full;
}

/* --- the certificate --- */

struct fields {
    struct der serial, issuer, subject;
};

/* RFC 5280 4.1 */
static bool find_fields(struct der certificate, struct fields *f)
{
    struct der body, validity, algorithm;
    if (!der_take(&certificate, DER_SEQUENCE, &certificate) ||
        !der_take(&certificate, DER_SEQUENCE, &body))
        return false;
    der_skip(&body, DER_CONTEXT); /* version */
    return der_take(&body, DER_INTEGER, &f->serial) && der_take(&body, DER_SEQUENCE, &algorithm) &&
           der_take(&body, DER_SEQUENCE, &f->issuer) && der_take(&body, DER_SEQUENCE, &validity) &&
           der_take(&body, DER_SEQUENCE, &f->subject);
}

/* What was written since `from`. */
static struct str written(const struct out *o, const char *from)
{
    return (struct str){ from, (size_t)(o->at - from) };
}

static bool write_all(struct tls_peer *p, struct out *o, const struct fields *f)
{
    const char *from = o->at;
    if (!put_name(o, f->subject))
        return false;
    p->subject = written(o, from);
    from = o->at;
    if (!put_name(o, f->issuer))
        return false;
    p->issuer = written(o, from);
    from = o->at;
    struct der serial = f->serial;
    for (; serial.left > 1 && serial.at[0] == 0; serial.left--)
        serial.at++;
    for (uint32_t i = 0; i < serial.left; i++) {
        static const char digits[] = "0123456789ABCDEF";
        if (i || serial.at[i] > 15)
            out_char(o, digits[serial.at[i] >> 4]);
        out_char(o, digits[serial.at[i] & 15]);
    }
    p->serial = written(o, from);
    return !o->full;
}

struct tls_peer *tls_peer_create(const uint8_t *der, uint32_t bytes)
{
    struct fields f;
    byte digest[WC_SHA256_DIGEST_SIZE];
    if (!find_fields((struct der){ der, bytes }, &f))
        return NULL;
    size_t room = TEXT_BYTES_PER_BYTE * (size_t)(f.subject.left + f.issuer.left + f.serial.left) +
                  2 * NAME_PARTS_MAX * TEXT_BYTES_PER_PART;
    char *text = malloc(room);
    struct tls_peer *p = NULL;
    struct out o = out_into(text, text ? room : 0);
    struct tls_peer made = { 0 };
    if (text && write_all(&made, &o, &f) && wc_Sha256Hash(der, bytes, digest) == 0)
        p = malloc(sizeof *p + out_len(&o) + bytes);
    if (p) {
        char *at = memcpy(p + 1, text, out_len(&o));
        *p = made;
        p->subject.ptr = at;
        p->issuer.ptr = at + made.subject.len;
        p->serial.ptr = p->issuer.ptr + made.issuer.len;
        p->der = (struct str){ memcpy(at + out_len(&o), der, bytes), bytes };
        struct out hex = out_into(p->fingerprint, sizeof p->fingerprint);
        put_hex(&hex, (struct der){ digest, sizeof digest });
    }
    free(text);
    return p;
}

void tls_peer_free(struct tls_peer *p)
{
    free(p);
}

bool tls_peer_keep(struct tls_session *s, const uint8_t *der, uint32_t bytes)
{
    tls_peer_free(s->peer);
    s->peer = tls_peer_create(der, bytes);
    return s->peer != NULL;
}
