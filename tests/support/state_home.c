/* state_home.c - linked into every test and benchmark: what they and the programs they start keep between runs (crash
 * reports, the viewer's tabs) goes to a directory of their own and is removed with it, never to the user's home.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* It serves the whole process, and what is registered with atexit() is given nothing. */
static char directory[] = "/tmp/bulkhead-state-XXXXXX";
static pid_t owner;

static void remove_state(void)
{
    char command[sizeof directory + 16];

    if (getpid() != owner) /* a child that ends by exit() */
        return;
    snprintf(command, sizeof command, "rm -rf %s", directory);
    if (system(command) != 0)
        fprintf(stderr, "%s is left behind\n", directory);
}

/* "--symbolise-child" and the like: this program is its own errand, which keeps nothing. */
static __attribute__((constructor)) void make_state(int argc, char **argv)
{
    if (argc == 2 && strncmp(argv[1], "--", 2) == 0)
        return;
    if (mkdtemp(directory) == NULL || setenv("XDG_STATE_HOME", directory, 1) < 0) {
        perror(directory);
        exit(1);
    }
    owner = getpid();
    atexit(remove_state);
}
