/* Pages with values in them: what is escaped, shown, repeated and left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/upload-gw/template.h"

static void test_fills(void **state)
{
    static const char values[] =
        "{\"a\": \"<b>&\\\"'\", \"n\": -5, \"yes\": true, \"no\": false, \"nothing\": null, \"blank\": \"\","
        " \"none\": [], \"list\": [{\"a\": \"1\"}, {\"a\": \"2\"}], \"inner\": {\"a\": \"in\"}}";
    static const struct {
        const char *text, *filled;
    } cases[] = {
        {"", ""},
        {"plain { } {A} {a b} {a", "plain { } {A} {a b} {a"},
        {"{a} {n} {unknown}.", "&lt;b&gt;&amp;&quot;&#39; -5 ."},
        {"<!--#yes-->x{n}<!--/yes-->y", "x-5y"},
        {"<!--#no-->x<!--/no--><!--#nothing-->x<!--/nothing--><!--#blank-->x<!--/blank--><!--#unknown-->x<!--/"
         "unknown-->y",
         "y"},
        {"<!--#none-->x<!--/none-->[<!--#list-->{a}{n},<!--/list-->]", "[1-5,2-5,]"},
        {"<!--#inner-->{a}<!--#yes-->{a}<!--/yes--><!--/inner-->{n}", "inin-5"},
        {"<!--#n-->{n}<!--/n--><!--#n-->again<!--/n-->", "-5again"},
        {"<!-- a comment --><!--#yes-->never closed", "<!-- a comment --><!--#yes-->never closed"},
        {"<!--#yes--><!--#inner-->x<!--/yes--><!--/inner-->", "<!--#inner-->x<!--/inner-->"},
    };
    json_t *given = json_loads(values, 0, NULL);
    (void)state;

    assert_non_null(given);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); ++i) {
        char *out = NULL;
        size_t len = 0;
        assert_int_equal(template_fill(cases[i].text, given, &out, &len), 0);
        assert_string_equal(out, cases[i].filled);
        assert_int_equal(len, strlen(cases[i].filled));
        free(out);
    }
    json_decref(given);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fills)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
