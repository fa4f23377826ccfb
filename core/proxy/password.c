/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/password.h"

#include <crypt.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/limits.h"

struct password_pool {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct password_job *first, **end;
    uint32_t waiting;
    bool leaving;
    uint32_t threads_count;
    pthread_t threads[PASSWORD_THREADS_MAX];
};

/* In a time that does not depend on where they differ. */
static bool equal(const char *a, const char *b)
{
    size_t n = strlen(a);
    int differ = 0;
    if (n != strlen(b))
        return false;
    for (size_t i = 0; i < n; i++)
        differ |= a[i] ^ b[i];
    return differ == 0;
}

static bool is_right(const struct password_job *j, struct crypt_data *data)
{
    memset(data, 0, sizeof *data);
    const char *made = crypt_r(j->password, j->hash, data);
    bool right = made && made[0] != '*' && equal(made, j->hash);
    explicit_bzero(data, sizeof *data);
    return right;
}

static struct password_job *take(struct password_pool *p)
{
    pthread_mutex_lock(&p->lock);
    while (!p->first && !p->leaving)
        pthread_cond_wait(&p->work, &p->lock);
    struct password_job *j = p->first;
    if (j) {
        p->first = j->next;
        if (!p->first)
            p->end = &p->first;
        p->waiting--;
    }
    pthread_mutex_unlock(&p->lock);
    return j;
}

static void *thread_main(void *arg)
{
    struct password_pool *p = arg;
    struct crypt_data *data = malloc(sizeof *data); /* tens of KiB */
    pthread_setname_np(pthread_self(), "sluice/password");
    for (struct password_job *j; (j = take(p));) {
        j->right = data && is_right(j, data);
        explicit_bzero((char *)j->password, strlen(j->password));
        loop_post(j->loop, &j->answer);
    }
    free(data);
    return NULL;
}

struct password_pool *password_pool_create(uint32_t threads)
{
    CHECK(threads > 0 && threads <= PASSWORD_THREADS_MAX);
    struct password_pool *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->end = &p->first;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    while (p->threads_count < threads &&
           pthread_create(&p->threads[p->threads_count], NULL, thread_main, p) == 0)
        p->threads_count++;
    if (p->threads_count)
        return p;
    password_pool_destroy(p);
    return NULL;
}

void password_pool_destroy(struct password_pool *p)
{
    if (!p)
        return;
    CHECK(!p->first);
    pthread_mutex_lock(&p->lock);
    p->leaving = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (uint32_t i = 0; i < p->threads_count; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

bool password_ask(struct password_pool *p, struct password_job *j)
{
    pthread_mutex_lock(&p->lock);
    bool taken = p->waiting < PASSWORD_JOBS_MAX;
    if (taken) {
        j->next = NULL;
        *p->end = j;
        p->end = &j->next;
        p->waiting++;
        pthread_cond_signal(&p->work);
    }
    pthread_mutex_unlock(&p->lock);
    return taken;
}
