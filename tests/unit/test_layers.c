// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <string.h>

#include "broker/layers.h"

static void every_layer_has_a_name_of_its_own_and_is_found_by_it(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LAYERS; i++) {
        layer_set found = 0;
        const char *bad = NULL;
        assert_int_equal(layer_set_parse(layer_name((Bulkhead__LayerFact__Layer)i), &found, &bad), 0);
        assert_int_equal(found, LAYER_BIT(i));
    }
    assert_string_equal(layer_name((Bulkhead__LayerFact__Layer)LAYERS), "unknown");
}

static void several_words_add_up_and_an_unknown_one_is_pointed_at(void **state)
{
    (void)state;
    layer_set set = 0;
    const char *bad = NULL, *text = "seccomp,landlock";
    assert_int_equal(layer_set_parse(text, &set, &bad), 0);
    assert_int_equal(set, LAYER_BIT(BULKHEAD__LAYER_FACT__LAYER__SECCOMP) |
                              LAYER_BIT(BULKHEAD__LAYER_FACT__LAYER__LANDLOCK_FILES) |
                              LAYER_BIT(BULKHEAD__LAYER_FACT__LAYER__LANDLOCK_NETWORK) |
                              LAYER_BIT(BULKHEAD__LAYER_FACT__LAYER__LANDLOCK_SCOPES));
    const char *const wrong[] = {"seccomp,nonsense", "seccomp,", "seccom,namespaces", ""};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        layer_set untouched = 4711;
        assert_int_equal(layer_set_parse(wrong[i], &untouched, &bad), -EINVAL);
        assert_int_equal(untouched, 4711);
        assert_true(bad >= wrong[i] && bad <= wrong[i] + strlen(wrong[i]));
    }
    layer_set_parse(wrong[0], &set, &bad);
    assert_string_equal(bad, "nonsense");
}

static void all_leaves_out_what_is_optional(void **state)
{
    (void)state;
    layer_set all = 0;
    const char *bad = NULL;
    assert_int_equal(layer_set_parse("all", &all, &bad), 0);
    for (unsigned i = 0; i < LAYERS; i++)
        assert_int_equal((all & LAYER_BIT(i)) == 0, layer_is_optional((Bulkhead__LayerFact__Layer)i));
    assert_true(layer_is_optional(BULKHEAD__LAYER_FACT__LAYER__CGROUP_LIMITS));
}

static void a_hello_tells_of_the_renderers_layers_and_of_no_others(void **state)
{
    (void)state;
    struct layer_status layers[LAYERS];
    Bulkhead__LayerFact facts[2] = {BULKHEAD__LAYER_FACT__INIT, BULKHEAD__LAYER_FACT__INIT};
    Bulkhead__LayerFact *list[] = {&facts[0], &facts[1]};
    Bulkhead__Hello hello = BULKHEAD__HELLO__INIT;
    facts[0].layer = BULKHEAD__LAYER_FACT__LAYER__SECCOMP;
    facts[0].in_force = true;
    facts[1].layer = BULKHEAD__LAYER_FACT__LAYER__CHANNEL_REFUSES_FDS;
    facts[1].in_force = true;
    hello.n_layers = 2;
    hello.layers = list;
    layers_init(layers);
    assert_false(layers[BULKHEAD__LAYER_FACT__LAYER__SECCOMP].known);
    layers_take_hello(layers, &hello);
    assert_true(layers[BULKHEAD__LAYER_FACT__LAYER__SECCOMP].known);
    assert_true(layers[BULKHEAD__LAYER_FACT__LAYER__SECCOMP].in_force);
    assert_false(layers[BULKHEAD__LAYER_FACT__LAYER__CHANNEL_REFUSES_FDS].known);
}

static void a_reason_is_none_that_misleads(void **state)
{
    (void)state;
    struct layer_status status = {.layer = BULKHEAD__LAYER_FACT__LAYER__USER_NAMESPACE, .error = ENOSPC};
    assert_non_null(strstr(layer_reason(&status), "user.max_user_namespaces"));
    status.error = EPERM;
    assert_non_null(strstr(layer_reason(&status), "this host"));
    status.error = EINVAL;
    assert_string_equal(layer_reason(&status), strerror(EINVAL));
    status = (struct layer_status){.layer = BULKHEAD__LAYER_FACT__LAYER__SPECULATION_CONTROL, .error = ENXIO};
    assert_null(strstr(layer_reason(&status), "device"));
    status = (struct layer_status){.layer = BULKHEAD__LAYER_FACT__LAYER__CGROUP_LIMITS, .error = ENOSPC};
    assert_string_equal(layer_reason(&status), "this host does not have it");
    strcpy(status.evidence, "it has no memory controller");
    assert_string_equal(layer_reason(&status), "it has no memory controller");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layer_has_a_name_of_its_own_and_is_found_by_it),
        cmocka_unit_test(several_words_add_up_and_an_unknown_one_is_pointed_at),
        cmocka_unit_test(all_leaves_out_what_is_optional),
        cmocka_unit_test(a_hello_tells_of_the_renderers_layers_and_of_no_others),
        cmocka_unit_test(a_reason_is_none_that_misleads),
    };
    return cmocka_run_group_tests_name("layers", tests, NULL, NULL);
}
