/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers of name servers: whatever they hold, what comes out is bounded and makes sense. The first
 * byte of the input chooses the type that is asked for. */
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/proxy/dns_message.h"

static void take(void *arg, const struct dns_record *r)
{
    unsigned *records = arg;
    ++*records;
    CHECK(r->ttl_s <= INT32_MAX);
    CHECK(r->target.len <= HOST_NAME_BYTES_MAX && strlen(r->target.text) == r->target.len);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static const enum dns_type types[] = { DNS_TYPE_A, DNS_TYPE_AAAA, DNS_TYPE_SRV };
    if (size == 0)
        return 0;
    unsigned char *flush = malloc(size - 1 ? size - 1 : 1); /* what is read past it is found */
    unsigned records = 0;
    CHECK(flush);
    memcpy(flush, data + 1, size - 1);
    enum dns_verdict v =
        dns_message_read(flush, size - 1, "a.test", types[data[0] % 3], take, &records);
    CHECK(records <= DNS_RECORDS_MAX);
    CHECK((v == DNS_MESSAGE_OK) <= (records > 0));
    CHECK(v != DNS_MESSAGE_NO_DATA || records == 0);
    free(flush);
    return 0;
}
