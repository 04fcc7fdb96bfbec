#include "cli/children.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

/* Between fork and exec: only calls that are safe there. */
static _Noreturn void child_become(char *const *argv, int log, pid_t parent)
{
    sigset_t none;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    (void)setpgid(0, 0); /* Ctrl-C at a terminal reaches the parent alone, which then decides */
    if (log >= 0) {
        (void)dup2(log, STDOUT_FILENO);
        (void)dup2(log, STDERR_FILENO);
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)execv("/proc/self/exe", argv);
    _exit(127);
}

enum gm_status gm_child_start(struct gm_child *child, const char *const *args, const char *log,
                              struct gm_error *err)
{
    char *argv[GM_CHILD_ARGS_MAX + 2] = {(char *)"gradmill"};
    size_t count = 0;
    for (; args[count] != NULL; count++) {
        if (count == GM_CHILD_ARGS_MAX)
            return gm_error_set(err, GM_INTERNAL, "too many arguments for a child");
        argv[count + 1] = (char *)(size_t)args[count]; /* execv takes char *, and changes nothing */
    }
    int fd = -1;
    if (log != NULL) {
        fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (fd < 0)
            return gm_error_errno(err, errno, log, "cannot open");
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        child_become(argv, fd, parent);
    int error_number = errno;
    if (fd >= 0)
        (void)close(fd);
    if (pid < 0)
        return gm_error_errno(err, error_number, "gradmill", "cannot start a process");
    child->pid = pid;
    return GM_OK;
}

void gm_child_signal(const struct gm_child *child, int number)
{
    if (child->pid > 0)
        (void)kill(child->pid, number);
}

static int exit_code(int state)
{
    return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
}

int gm_child_wait(struct gm_child *child)
{
    int state = 0;
    if (child->pid == 0)
        return 0;
    while (waitpid(child->pid, &state, 0) < 0 && errno == EINTR)
        continue;
    child->pid = 0;
    return exit_code(state);
}

bool gm_child_runs(struct gm_child *child)
{
    int state;
    if (child->pid == 0)
        return false;
    if (waitpid(child->pid, &state, WNOHANG) == child->pid)
        child->pid = 0;
    return child->pid != 0;
}
