/* crash_report_seed.h - a crash report with one of everything that can be in one: a seed for fuzz_crash_report that
 * follows the schema, where the corpus' reports of real crashes are of the day they were made. */
#ifndef BULKHEAD_TEST_CRASH_REPORT_SEED_H
#define BULKHEAD_TEST_CRASH_REPORT_SEED_H

/* As in its file; owned by the caller (free). NULL without memory. */
char *crash_report_seed(void);

#endif
