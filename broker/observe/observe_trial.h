/* observe_trial.h - which namespaces may be made here, tried in a child that is thrown away. For observe_host.c. */
#ifndef BULKHEAD_OBSERVE_TRIAL_H
#define BULKHEAD_OBSERVE_TRIAL_H

#include "to_broker.pb-c.h"

/* By layer, USER_NAMESPACE to EMPTY_ROOT: 0 if a process of ours may have it, else the errno it met. As an id that is
 * not root's, because that is what a renderer has; where that may make no user namespace and we are root, with root's
 * rights. 0 or -errno. */
int observe_try_namespaces(int ret_errors[BULKHEAD__LAYER_FACT__LAYER__EMPTY_ROOT + 1]);

#endif
