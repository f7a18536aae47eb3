/* usage: check-policy HONEST_LOG TESTS_LOG: whether the policy is what these audited runs needed. Exits with 1 if not.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/check_policy.h"

int main(int argc, char **argv)
{
    struct check_policy_host host;
    FILE *honest = argc == 3 ? fopen(argv[1], "r") : NULL, *tests = argc == 3 ? fopen(argv[2], "r") : NULL;

    if (honest == NULL || tests == NULL) {
        fputs("usage: check-policy HONEST_LOG TESTS_LOG, both written under audit\n", stderr);
        return 64;
    }
    check_policy_look_at_host(&host);
    int findings = check_policy(policy_rows, policy_row_count, &host, honest, tests, stdout);
    fclose(honest);
    fclose(tests);
    if (findings < 0)
        printf("the logs are no logs of this build: %s\n", strerror(-findings));
    printf("%zu calls allowed, %zu refused quietly: %s\n", policy_count_calls(POLICY_RENDERER, false),
           policy_count_calls(POLICY_RENDERER, true), findings == 0 ? "all as needed" : "not as needed");
    return findings == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
