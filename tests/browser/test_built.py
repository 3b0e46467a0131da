"""What was built: small enough, hashed, compressed, from nowhere else; and every text in both languages."""

import gzip
import os
import re

import pytest

from lc.build import BUILD, ROOT

FACES = {"upload-gw": ("page.en.html", 120_000), "admin-api": ("index.html", 200_000)}


def page(face, name=None):
    with open(os.path.join(BUILD, "web", face, name or FACES[face][0]), encoding="utf-8") as f:
        return f.read()


def read(*path):
    with open(os.path.join(*path), "rb") as f:
        return f.read()


@pytest.mark.parametrize("face", FACES)
def test_first_load_is_small(face):
    """Scripts and styles a first visit loads, as gzip sends them."""
    loaded = re.findall(r'(?:src|href)="/([^"]+\.(?:js|css))"', page(face))
    assert loaded and any(name.endswith(".js") for name in loaded) and any(name.endswith(".css") for name in loaded)
    size = sum(len(read(BUILD, "web", face, name + ".gz")) for name in loaded)
    assert size <= FACES[face][1], f"{size} bytes of {loaded}"


@pytest.mark.parametrize("face", FACES)
def test_assets_are_hashed_and_have_compressed_siblings(face):
    directory = os.path.join(BUILD, "web", face, "u/assets" if face == "upload-gw" else "assets")
    names = [name for name in os.listdir(directory) if name.endswith((".js", ".css"))]
    assert names
    for name in names:
        assert re.search(r"-[\w-]{8}\.(js|css)$", name), name
        assert gzip.decompress(read(directory, name + ".gz")) == read(directory, name)
        assert 0 < len(read(directory, name + ".br")) <= len(read(directory, name + ".gz"))


@pytest.mark.parametrize("face,name", [("upload-gw", "page.en.html"), ("upload-gw", "page.ru.html"), ("admin-api", "index.html")])
def test_pages_run_nothing_inline_and_load_only_ours(face, name):
    text = page(face, name)
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", text)
    assert not re.search(r"(?:src|href)=\"(?![/?])", text)


def keys(text):
    found = re.findall(r"^ {2}(\w+): ", text, re.M)
    assert len(found) == len(set(found)), "a key stands twice"
    return set(found)


def words(face):
    return [read(ROOT, f"services/{face}/web/src/words/{lang}.ts").decode() for lang in ("en", "ru")]


def test_both_languages_have_every_text():
    for face in FACES:
        first, second = words(face)
        assert keys(first) == keys(second) and len(keys(first)) > 40


def placeholders(text):
    return {key: sorted(set(re.findall(r"\{(\w+)\}", rest))) for key, rest in re.findall(r"^ {2}(\w+): (.*)$", text, re.M)}


def test_both_languages_fill_in_the_same():
    for face in FACES:
        first, second = words(face)
        assert placeholders(first) == placeholders(second)


@pytest.mark.parametrize("face", FACES)
def test_every_text_is_used(face):
    sources = []
    for top in (os.path.join(ROOT, "services", face, "web", "src"), os.path.join(ROOT, "shared", "web")):
        for directory, _, names in os.walk(top):
            sources += [os.path.join(directory, name) for name in names if name.endswith((".ts", ".svelte"))]
    text = "".join(read(path).decode() for path in sources if "/words" not in path)
    if face == "upload-gw":
        text += read(ROOT, "services/upload-gw/web/page.html").decode() + read(ROOT, "services/upload-gw/web/plain.ts").decode()
    unused = [key for key in keys(words(face)[0]) if not re.search(rf"\b{key}\b", text)]
    assert unused == [] or all(key.startswith(("scope_", "theme_", "audit_")) for key in unused), unused


def audited():
    """The actions of the audit log as the sources write them, and the labels that "create", "update" and "delete" follow."""
    for directory, _, names in os.walk(os.path.join(ROOT, "services", "admin-api")):
        for name in names:
            text = read(directory, name).decode() if name.endswith(".c") else ""
            yield from (label.replace(" ", "_") for label in re.findall(r'\.label = "(?!audit)([a-z ]+)"', text))
            if re.search(r"\b(trail_add|audit_write|errand_check_\w+)\(", text):
                text = re.sub(r"^#include.*$|\blog_\w+\([^;]*;", "", text, flags=re.M)
                yield from re.findall(r'"([a-z]\w+\.[a-z]\w+)"', text)


def test_the_audit_log_has_words_for_every_action():
    actions = set(audited())
    assert {"totp.offer", "user.superuser_on", "archive.upload", "key.accept", "access_token"} <= actions
    named = keys(words("admin-api")[0])
    assert [action for action in actions if not all(f"audit_{part}" in named for part in action.split("."))] == []


def test_the_service_knows_the_addresses_of_the_panel():
    table = read(ROOT, "services/admin-api/http/routes.def").decode()
    served = set(re.findall(r'^ROUTE\(GET, "([^"]+)", PUBLIC, PAGE, 0, page_panel\)', table, re.M))
    router = re.findall(r"^  \['([^']+)', \w+", read(ROOT, "services/admin-api/web/src/routes.ts").decode(), re.M)
    known = {re.sub(r":\w+", "{}", path) for path in router} - {"/archives/download/{}/{}/"} # the file itself, where it may be had
    assert served == known | {"/admin/"} # which leads on


# Answered before a request is known to be a form, or never to one.
NOT_TO_FORMS = {"BAD_HEAD", "TLS_EXPECTED", "METHOD", "EXPECTATION", "UNFINISHED_TICKET", "UNFINISHED_NETWORK",
                "CROWDED", "BAD_NAME", "PARTIAL", "HEAD_TOO_LARGE", "CODING", "BUSY", "NO_UPLOADER", "VERSION"}


def test_forms_are_answered_in_both_languages():
    table = dict(re.findall(r'^ERR\((\w+),.*?"((?:[^"\\]|\\.)*)"\)$', read(ROOT, "services/upload-gw/errors.def").decode(), re.M | re.S))
    asked = {name for name in table if not name.startswith("TUS_")} - NOT_TO_FORMS
    fills = []
    for language in ("en", "ru"):
        lines = page("upload-gw", f"words.{language}").splitlines()
        said = dict(line.split(" ", 1) for line in lines)
        assert len(lines) == len(said) and set(said) == asked
        fills.append({name: sorted(re.findall(r"\{(\w+)\}", text)) for name, text in said.items()})
        assert all(set(fills[-1][name]) <= set(re.findall(r"\{(\w+)\}", table[name])) for name in asked & set(table))
        assert all(re.search("[а-яё]" if language == "ru" else "[a-z]", text) for text in said.values())
    assert fills[0] == fills[1]


@pytest.mark.parametrize("directory", ["services", "tests/browser"])
def test_lock_files_name_no_registry(directory):
    lock = read(ROOT, directory, "package-lock.json").decode()
    assert '"resolved"' not in lock and '"integrity"' in lock
    assert b"omit-lockfile-registry-resolved=true" in read(ROOT, directory, ".npmrc")
