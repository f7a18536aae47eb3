#include "demo/lab/load.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static double own_ms(int who)
{
    struct rusage usage = {0};

    getrusage(who, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

/* "cpu  user nice system idle iowait irq softirq steal …", in ticks. */
int load_sample(struct load *ret_load)
{
    FILE *stat = fopen("/proc/stat", "re");
    unsigned long long ticks[8] = {0};
    double tick_ms = 1e3 / (double)sysconf(_SC_CLK_TCK), all = 0;

    if (stat == NULL)
        return -errno;
    int fields = fscanf(stat, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &ticks[0], &ticks[1], &ticks[2], &ticks[3],
                        &ticks[4], &ticks[5], &ticks[6], &ticks[7]);
    fclose(stat);
    if (fields < 5)
        return -EBADMSG;
    for (int i = 0; i < 8; i++)
        all += (double)ticks[i] * tick_ms;
    ret_load->all_ms = all;
    ret_load->busy_ms = all - (double)(ticks[3] + ticks[4]) * tick_ms;
    ret_load->own_ms = own_ms(RUSAGE_SELF) + own_ms(RUSAGE_CHILDREN);
    return 0;
}

double load_of_others(const struct load *start, const struct load *end)
{
    double others_ms = (end->busy_ms - start->busy_ms) - (end->own_ms - start->own_ms);
    double all_ms = end->all_ms - start->all_ms;

    return all_ms > 0 && others_ms > 0 ? others_ms * 100 / all_ms : 0;
}
