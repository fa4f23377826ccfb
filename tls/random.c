/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A Hash_DRBG per thread, seeded and reseeded by the kernel.
 *
 * wolfSSL's hook knows no context, so this is the one place with state of a thread. A forked child
 * seeds its own: the page that it lives in is emptied there, by us after fork(2), and by the kernel
 * whatever call it was. */
#include "tls/random.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "core/base/check.h"
#include "tls/drbg.h"

/* Far below the 2^48 of SP 800-90A; a reseed costs about as much as two requests. */
#define REQUESTS_PER_SEED (1 << 16)
#define ENTROPY_BYTES 32
#define NONCE_BYTES 16

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;

static void forget(void *page)
{
    explicit_bzero(page, sizeof(struct drbg));
    munmap(page, sizeof(struct drbg));
}

static void empty_in_child(void)
{
    struct drbg *d = pthread_getspecific(key);
    if (d)
        explicit_bzero(d, sizeof *d);
}

static void make_key(void)
{
    CHECK(pthread_atfork(NULL, NULL, empty_in_child) == 0);
    CHECK(pthread_key_create(&key, forget) == 0);
}

static void take_entropy(uint8_t *out, size_t bytes)
{
    ssize_t n;
    do
        n = getrandom(out, bytes, 0);
    while (n < 0 && errno == EINTR);
    CHECK(n == (ssize_t)bytes); /* up to 256 bytes come whole */
}

static struct drbg *of_thread(void)
{
    pthread_once(&once, make_key);
    struct drbg *d = pthread_getspecific(key);
    if (d)
        return d;
    d = mmap(NULL, sizeof *d, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(d != MAP_FAILED);
    CHECK(madvise(d, sizeof *d, MADV_WIPEONFORK) == 0);
    CHECK(pthread_setspecific(key, d) == 0);
    return d;
}

static void seed(struct drbg *d)
{
    uint8_t material[ENTROPY_BYTES + NONCE_BYTES];
    if (d->requests == 0) {
        take_entropy(material, sizeof material);
        drbg_instantiate(d, material, sizeof material);
    } else {
        take_entropy(material, ENTROPY_BYTES);
        drbg_reseed(d, material, ENTROPY_BYTES);
    }
    explicit_bzero(material, sizeof material);
}

void random_bytes(void *out, size_t bytes)
{
    struct drbg *d = of_thread();
    for (uint8_t *p = out; bytes > 0;) {
        uint32_t n = bytes < DRBG_REQUEST_BYTES_MAX ? (uint32_t)bytes : DRBG_REQUEST_BYTES_MAX;
        if (d->requests == 0 || d->requests > REQUESTS_PER_SEED)
            seed(d);
        drbg_generate(d, p, n);
        p += n;
        bytes -= n;
    }
}

int sluice_random_block(unsigned char *out, unsigned int bytes)
{
    random_bytes(out, bytes);
    return 0;
}
