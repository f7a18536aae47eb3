/* observe_judge_private.h - what the judges of single layers share; for observe_judge*.c alone. */
#ifndef BULKHEAD_OBSERVE_JUDGE_PRIVATE_H
#define BULKHEAD_OBSERVE_JUDGE_PRIVATE_H

#include "broker/observe/observe_judge.h"

struct judge_subject {
    const struct observation *process, *own;
    const struct observe_expected *expected;
};

void judge_say(struct judgement *judgement, enum verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Whether a source was read, of this process and, where it is compared, of our own. If not: CANNOT_TELL and why. */
bool judge_was_read(const struct judge_subject *subject, enum observe_source source, struct judgement *judgement);
enum verdict judge_verdict(bool is_in_force);

/* observe_judge_namespaces.c */
void judge_user_namespace(const struct judge_subject *subject, struct judgement *judgement);
void judge_mount_namespace(const struct judge_subject *subject, struct judgement *judgement);
void judge_pid_namespace(const struct judge_subject *subject, struct judgement *judgement);
void judge_net_namespace(const struct judge_subject *subject, struct judgement *judgement);
void judge_ipc_namespace(const struct judge_subject *subject, struct judgement *judgement);
void judge_uts_namespace(const struct judge_subject *subject, struct judgement *judgement);
void judge_cgroup_namespace(const struct judge_subject *subject, struct judgement *judgement);
void judge_empty_root(const struct judge_subject *subject, struct judgement *judgement);

#endif
