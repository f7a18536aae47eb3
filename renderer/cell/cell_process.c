/* cell_process.c - attributes of the process that fork hands on: MDWE, speculation, dumpable. */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "renderer/cell/cell_layers.h"

/* Linux 6.3; Debian 12's headers are of 6.1. */
enum { SET_MDWE = 65, MDWE_REFUSE_EXEC_GAIN = 1 };

void cell_process_deny_write_execute(struct cell_facts *facts)
{
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    int rc = prctl(SET_MDWE, MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) < 0 ? errno : 0;
    void *page = mmap(NULL, page_bytes, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool refused = page == MAP_FAILED;

    if (!refused)
        munmap(page, page_bytes);
    if (rc == 0 && !refused)
        rc = EPERM;
    cell_fact_set(facts, LAYER(MEMORY_DENY_WRITE_EXECUTE), rc, "a writable and executable page was %s",
                  refused ? "refused" : "granted");
}

static const struct {
    unsigned long which;
    const char *name;
} speculations[] = {
    {PR_SPEC_STORE_BYPASS, "store bypass"},
    {PR_SPEC_INDIRECT_BRANCH, "indirect branch"},
};

static const char *speculation_text(int state)
{
    if (state < 0)
        return "unknown to the kernel";
    if (state == PR_SPEC_NOT_AFFECTED)
        return "not affected";
    if (state & PR_SPEC_FORCE_DISABLE)
        return "off for good";
    if (state & PR_SPEC_DISABLE)
        return "off";
    return state & PR_SPEC_PRCTL ? "on" : "on, no control offered";
}

/* In force when nothing that can be switched is left on. A processor or kernel that offers no switch is reported as
 * ENXIO: not our doing, not to be had, not in force. */
void cell_process_control_speculation(struct cell_facts *facts)
{
    const char *texts[2];
    int rc = 0;

    for (size_t i = 0; i < 2; i++) {
        int state = prctl(PR_GET_SPECULATION_CTRL, speculations[i].which, 0, 0, 0);
        if (state > 0 && (state & PR_SPEC_PRCTL) && !(state & PR_SPEC_FORCE_DISABLE)) {
            prctl(PR_SET_SPECULATION_CTRL, speculations[i].which, PR_SPEC_FORCE_DISABLE, 0, 0);
            state = prctl(PR_GET_SPECULATION_CTRL, speculations[i].which, 0, 0, 0);
        }
        if (state < 0 || (state & PR_SPEC_ENABLE))
            rc = ENXIO;
        texts[i] = speculation_text(state);
    }
    cell_fact_set(facts, LAYER(SPECULATION_CONTROL), rc, "%s %s, %s %s", speculations[0].name, texts[0],
                  speculations[1].name, texts[1]);
}

void cell_process_forbid_dump(struct cell_facts *facts)
{
    int rc = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? errno : 0;
    int now = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);

    cell_fact_set(facts, LAYER(NOT_DUMPABLE), rc == 0 && now != 0 ? EPERM : rc, "dumpable is %d", now);
}
