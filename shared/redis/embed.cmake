# cmake -DDIR=... -DDEF=scripts.def -DOUT=scripts_text.h -P embed.cmake: every script of the table behind the prelude as
# a string, with its SHA-1 (what EVALSHA wants).
file(STRINGS ${DEF} rows REGEX "^SCRIPT")
file(READ ${DIR}/prelude.lua prelude)
set(table "")
foreach(row IN LISTS rows)
  string(REGEX REPLACE "^SCRIPT\\(([a-z_]+)\\)$" "\\1" name "${row}")
  file(READ ${DIR}/${name}.lua body)
  set(text "${prelude}\n${body}")
  string(SHA1 sha "${text}")
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  string(REPLACE "\n" "\\n\"\n     \"" text "${text}")
  string(APPEND table "    {\"${name}\", \"${sha}\",\n     \"${text}\"},\n")
endforeach()
file(WRITE ${OUT} "/* Made from scripts/ at build. */
static const struct {
    const char *name, *sha, *text;
} script_table[] = {
${table}};
")
