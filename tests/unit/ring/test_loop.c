/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The turn: its order, its waits, what it costs; and a ring that cannot be had. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/unit/ring/ring_test.h"

struct diary {
    struct op op;
    struct timer timer;
    struct msg msg;
    struct task task, task2;
    struct loop *loop;
    char text[64];
    unsigned pages;
};

static void put(struct diary *d, char c)
{
    assert_true(d->pages + 1 < sizeof d->text);
    d->text[d->pages++] = c;
}

static void op_ran(struct op *op, struct op_result result)
{
    struct diary *d = container_of(op, struct diary, op);
    (void)result;
    put(d, 'o');
    loop_defer(d->loop, &d->task);
    loop_defer(d->loop, &d->task);
    loop_post(d->loop, &d->msg);
}

static void timer_ran(struct timer *t, uint64_t now_ns)
{
    struct diary *d = container_of(t, struct diary, timer);
    assert_int_equal(now_ns, d->loop->now_ns);
    put(d, 't');
}

static void msg_ran(struct msg *m, struct loop *at)
{
    struct diary *d = container_of(m, struct diary, msg);
    (void)at;
    put(d, 'm');
}

static void task_ran(struct task *t)
{
    struct diary *d = container_of(t, struct diary, task);
    put(d, 'd');
    loop_defer(d->loop, &d->task2);
}

static void task2_ran(struct task *t)
{
    put(container_of(t, struct diary, task2), 'D');
}

static void a_turn_runs_completions_timers_messages_and_tasks_in_this_order(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct diary d = { .loop = l };
    int event = eventfd(1, EFD_CLOEXEC);
    op_init(&d.op, op_ran);
    timer_init(&d.timer, timer_ran);
    d.msg.run = msg_ran;
    d.task.run = task_ran;
    d.task2.run = task2_ran;
    op_poll(l, &d.op, event, POLLIN);
    loop_timer_set(l, &d.timer, l->now_ns);
    poll(NULL, 0, 5); /* until the timer is due for certain */
    loop_turn(l, 0);
    assert_string_equal(d.text, "otmdD");
    loop_turn(l, 0);
    assert_string_equal(d.text, "otmdD");
    close(event);
    loop_destroy(l);
}

static void a_deferred_task_runs_without_waiting(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct diary d = { .loop = l };
    d.task.run = task_ran;
    d.task2.run = task2_ran;
    loop_defer(l, &d.task);
    loop_turn(l, TIMER_NEVER);
    assert_string_equal(d.text, "dD");
    loop_destroy(l);
}

static void defer_next(struct task *t)
{
    struct diary *d = container_of(t, struct diary, task);
    put(d, 'n');
    if (d->pages < 3)
        loop_defer_next(d->loop, &d->task);
}

static void a_task_for_the_next_turn_runs_in_that_one_without_waiting(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct diary d = { .loop = l };
    d.task.run = defer_next;
    loop_defer(l, &d.task);
    for (unsigned turns = 1; turns <= 3; turns++) {
        loop_turn(l, TIMER_NEVER);
        assert_int_equal(d.pages, turns);
    }
    loop_turn(l, 0);
    assert_string_equal(d.text, "nnn");
    loop_destroy(l);
}

static void a_turn_waits_no_longer_than_told_or_than_a_timer(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct diary d = { .loop = l };
    timer_init(&d.timer, timer_ran);
    uint64_t start_ns = l->now_ns;
    loop_turn(l, ms_to_ns(20));
    assert_true(l->now_ns - start_ns >= ms_to_ns(20));

    start_ns = l->now_ns;
    loop_timer_set(l, &d.timer, start_ns + ms_to_ns(30));
    while (d.pages == 0)
        loop_turn(l, TIMER_NEVER);
    assert_true(l->now_ns - start_ns >= ms_to_ns(30));
    assert_true(l->turns < 10);
    assert_true(l->wall_us > UINT64_C(1600000000) * 1000000);
    loop_destroy(l);
}

static void stop_from_timer(struct timer *t, uint64_t now_ns)
{
    (void)now_ns;
    struct diary *d = container_of(t, struct diary, timer);
    put(d, 's');
    loop_stop(d->loop);
}

static void runs_until_stopped_and_again(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct diary d = { .loop = l };
    timer_init(&d.timer, stop_from_timer);
    for (int i = 0; i < 2; i++) {
        loop_timer_set(l, &d.timer, l->now_ns + 1);
        loop_run(l);
    }
    assert_string_equal(d.text, "ss");
    loop_destroy(l);
}

static void answer(struct op *op, struct op_result result)
{
    struct seen *s = container_of(op, struct seen, op);
    assert_int_equal(result.res, 1);
    s->completions++;
    if (op->kind == OP_RECV) {
        buf_unref(result.buf);
        op_send(s->restart, op, op->fd, "x", 1);
    } else {
        op_recv(s->restart, op, op->fd);
    }
}

/* Two ends answer each other: everything is submitted by the call that waits. */
static void a_turn_is_one_system_call(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct seen s[2];
    int fds[2];
    tcp_pair(fds);
    for (int i = 0; i < 2; i++) {
        seen_init(&s[i]);
        s[i].restart = l;
        s[i].op.done = answer;
        op_recv(l, &s[i].op, fds[i]);
    }
    assert_int_equal(write(fds[1], "x", 1), 1);
    uint64_t turns = l->turns, syscalls = loop_syscalls(l);
    TURN_UNTIL(l, s[0].completions > 1000);
    assert_int_equal(loop_syscalls(l) - syscalls, l->turns - turns);
    assert_true(l->turns - turns < 2 * 2002);
    for (int i = 0; i < 2; i++) {
        s[i].op.done = note;
        op_cancel(l, &s[i].op);
    }
    TURN_UNTIL(l, loop_ops_in_flight(l) == 0);
    for (int i = 0; i < 2; i++)
        buf_unref(s[i].buf);
    close_pair(fds);
    loop_destroy(l);
}

static void loops_leave_no_descriptor_behind(void **state)
{
    (void)state;
    unsigned before = open_fds();
    for (int i = 0; i < 20; i++) {
        struct loop *l = new_loop((struct loop_config){ .sq_entries = 8, .cq_entries = 16 });
        loop_turn(l, 0);
        loop_destroy(l);
    }
    assert_int_equal(open_fds(), before);
}

/* Runs fn in a child; returns its wait status, with what it wrote to stderr in text. */
static int in_child(void (*fn)(void), char *text, size_t bytes)
{
    int fds[2], status;
    assert_int_equal(pipe(fds), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(fds[1], STDERR_FILENO);
        close_pair(fds);
        fn();
        _exit(0);
    }
    close(fds[1]);
    size_t len = 0;
    ssize_t n;
    while (len < bytes - 1 && (n = read(fds[0], text + len, bytes - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void destroy_too_early(void)
{
    struct seen s;
    int fds[2];
    struct loop *l = new_loop((struct loop_config){ 0 });
    tcp_pair(fds);
    seen_init(&s);
    op_recv(l, &s.op, fds[0]);
    signal(SIGABRT, SIG_DFL);
    loop_destroy(l);
}

static void destroy_with_a_buffer_lent(void)
{
    struct loop *l = new_loop((struct loop_config){ 0 });
    CHECK(buf_take(&l->bufs));
    signal(SIGABRT, SIG_DFL);
    loop_destroy(l);
}

static void destroying_a_loop_in_use_is_a_failed_check(void **state)
{
    (void)state;
    char text[4096];
    int status = in_child(destroy_too_early, text, sizeof text);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "loop_ops_in_flight"));
    status = in_child(destroy_with_a_buffer_lent, text, sizeof text);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "lent"));
}

/* What a container's profile does: this process may not call io_uring_setup any more. */
static void refuse_setup(int err)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)err),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { ARRAY_LEN(code), code };
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0);
}

static void print_refusal(void)
{
    char why[1024] = "";
    CHECK(!loop_create(&(struct loop_config){ 0 }, why, sizeof why));
    dprintf(STDERR_FILENO, "%s", why);
}

static void with_eperm(void)
{
    refuse_setup(EPERM);
    print_refusal();
}

static void with_enosys(void)
{
    refuse_setup(ENOSYS);
    print_refusal();
}

static void with_enomem(void)
{
    refuse_setup(ENOMEM);
    print_refusal();
}

static void as_an_old_kernel(void)
{
    refuse_setup(EINVAL);
    print_refusal();
}

static void without_descriptors(void)
{
    struct rlimit none = { 3, 3 };
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    print_refusal();
}

static void a_refusal_names_the_cause_and_the_remedy(void **state)
{
    (void)state;
    static const struct {
        void (*refuse)(void);
        const char *cause, *remedy;
    } cases[] = {
        { with_eperm, "seccomp filter", "allow io_uring_setup" },
        { with_enosys, "seccomp filter", "allow io_uring_setup" },
        { with_enomem, "no memory", "ulimit -l" },
        { as_an_old_kernel, "too old", "Linux 6.1" },
        { without_descriptors, "no descriptor", "ulimit -n" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[4096];
        int status = in_child(cases[i].refuse, text, sizeof text);
        if (status != 0 || !strstr(text, cases[i].cause) || !strstr(text, cases[i].remedy))
            fail_msg("case %zu, status %x: %s", i, status, text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_turn_runs_completions_timers_messages_and_tasks_in_this_order),
        cmocka_unit_test(a_deferred_task_runs_without_waiting),
        cmocka_unit_test(a_task_for_the_next_turn_runs_in_that_one_without_waiting),
        cmocka_unit_test(a_turn_waits_no_longer_than_told_or_than_a_timer),
        cmocka_unit_test(runs_until_stopped_and_again),
        cmocka_unit_test(a_turn_is_one_system_call),
        cmocka_unit_test(loops_leave_no_descriptor_behind),
        cmocka_unit_test(destroying_a_loop_in_use_is_a_failed_check),
        cmocka_unit_test(a_refusal_names_the_cause_and_the_remedy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
