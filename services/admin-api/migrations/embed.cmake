# cmake -DDIR=… -DFILES=sqlite/0001_initial.sql,… -DOUT=migrations_text.h -P embed.cmake: every migration as a string,
# one sorted array per dialect.
string(REPLACE "," ";" FILES "${FILES}")
list(SORT FILES)
set(dialects "")
foreach(file IN LISTS FILES)
  if(NOT file MATCHES "^([a-z]+)/0*([1-9][0-9]*)_([a-z0-9_]+)\\.sql$")
    message(FATAL_ERROR "${file}: migrations are named dialect/0001_what.sql")
  endif()
  set(dialect ${CMAKE_MATCH_1})
  set(number ${CMAKE_MATCH_2})
  set(name ${CMAKE_MATCH_3})
  file(READ ${DIR}/${file} text)
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  string(REPLACE "\n" "\\n\"\n     \"" text "${text}")
  list(APPEND dialects ${dialect})
  string(APPEND rows_${dialect} "    {${number}, \"${name}\",\n     \"${text}\"},\n")
endforeach()
list(REMOVE_DUPLICATES dialects)

set(out "/* Made from migrations/ at build. */\n")
set(folders "")
foreach(dialect IN LISTS dialects)
  string(APPEND out "static const struct db_migration ${dialect}_migrations[] = {\n${rows_${dialect}}};\n")
  string(APPEND folders
    "    {\"${dialect}\", ${dialect}_migrations, sizeof(${dialect}_migrations) / sizeof(${dialect}_migrations[0])},\n")
endforeach()
string(APPEND out "static const struct {
    const char *dialect;
    const struct db_migration *migrations;
    size_t count;
} migration_folders[] = {
${folders}};
")
file(WRITE ${OUT} "${out}")
