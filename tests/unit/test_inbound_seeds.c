/* The hand-written scripts of fuzz_inbound get to where their names say: a seed that missed it would only look like
 * one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "tests/fuzz/inbound/seeds.h"

static void expect(const char *name, const char *fact, unsigned got, unsigned expected)
{
    if (got != expected)
        fail_msg("%s: %s: %u, not %u", name, fact, got, expected);
}

static void each_script_gets_to_where_its_name_says(void **state)
{
    static struct wire seed;
    const struct seeds_entry *entry;
    (void)state;
    for (size_t i = 0; (entry = seeds_at(i)) != NULL; i++) {
        const struct world_facts *expected = &entry->expected;
        struct world_facts facts;
        seed.size = 0;
        entry->put(&seed);
        world_run(seed.bytes, seed.size, &facts);
        expect(entry->name, "births", facts.births, expected->births);
        expect(entry->name, "infos", facts.infos, expected->infos);
        expect(entry->name, "bounds", facts.bounds, expected->bounds);
        expect(entry->name, "frames", facts.frames, expected->frames);
        expect(entry->name, "granted", facts.granted, expected->granted);
        expect(entry->name, "refused", facts.refused, expected->refused);
        for (int cause = 0; cause < EXIT_CAUSE_COUNT; cause++)
            expect(entry->name, exit_cause_name((enum exit_cause)cause), facts.ends[cause], expected->ends[cause]);
    }
}

static void a_script_for_each_message_comes_to_its_end(void **state)
{
    static struct wire seed;
    unsigned types[CODEC_TYPES];
    size_t count = codec_types(&codec_to_broker, types);
    (void)state;
    assert_true(count > 8);
    for (size_t i = 0; i < count; i++) {
        struct world_facts facts;
        seed.size = 0;
        seeds_put_message(&seed, types[i]);
        world_run(seed.bytes, seed.size, &facts);
        expect(codec_type_name(&codec_to_broker, types[i]), "births", facts.births, 1);
        expect(codec_type_name(&codec_to_broker, types[i]), "infos", facts.infos, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_script_gets_to_where_its_name_says),
        cmocka_unit_test(a_script_for_each_message_comes_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
