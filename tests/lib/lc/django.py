"""The database and the files of a Logs Collector 0.1.0, as that server (Django) made them."""

import base64
import hashlib
import os
import sqlite3
import uuid

SCHEMA = """
CREATE TABLE account_user (id integer PRIMARY KEY, password varchar(128) NOT NULL, last_login {time} NULL,
  is_superuser {bool} NOT NULL, username varchar(150) NOT NULL UNIQUE, first_name varchar(150) NOT NULL,
  last_name varchar(150) NOT NULL, email varchar(254) NOT NULL, is_staff {bool} NOT NULL, is_active {bool} NOT NULL,
  date_joined {time} NOT NULL);
CREATE TABLE collector_platform (id integer PRIMARY KEY, name varchar(20) NOT NULL UNIQUE,
  pretty_name varchar(20) NOT NULL);
CREATE TABLE collector_ticket (id integer PRIMARY KEY, number integer NOT NULL UNIQUE, resolved {bool} NOT NULL,
  note text NOT NULL, token {uuid} NOT NULL UNIQUE, attempts integer NOT NULL, time_create {time} NOT NULL,
  time_update {time} NOT NULL, platform_name varchar(20) NOT NULL, user_id bigint NOT NULL);
CREATE TABLE collector_archive (id integer PRIMARY KEY, file varchar(100) NOT NULL, size bigint NOT NULL,
  md5 varchar(1024) NOT NULL, time_create {time} NOT NULL, time_update {time} NOT NULL, ticket_number integer NOT NULL);
CREATE TABLE otp_static_staticdevice (id integer PRIMARY KEY, name varchar(64) NOT NULL, confirmed {bool} NOT NULL,
  user_id bigint NOT NULL);
CREATE TABLE otp_static_statictoken (id integer PRIMARY KEY, token varchar(16) NOT NULL, device_id integer NOT NULL);
CREATE TABLE otp_totp_totpdevice (id integer PRIMARY KEY, name varchar(64) NOT NULL, confirmed {bool} NOT NULL,
  key varchar(80) NOT NULL, step smallint NOT NULL, t0 bigint NOT NULL, digits smallint NOT NULL,
  tolerance smallint NOT NULL, drift smallint NOT NULL, last_t bigint NOT NULL, user_id bigint NOT NULL);
"""
TYPES = {"sqlite": {"bool": "bool", "time": "datetime", "uuid": "char(32)"},
         "postgres": {"bool": "boolean", "time": "timestamp with time zone", "uuid": "uuid"}}
WHEN = "2026-11-23 08:29:12.980955"
PASSWORD = "Adm1n-pass!"
KEY = "0c50ecaa54977b4877bb47ee474c35f760cc52e7"
CODE = "abu2l7oi"  # as Django makes them: eight characters of base32
TOKENS = {number: uuid.uuid4().hex for number in (1001, 1002)}
FILES = {"1001/a.log": b"first log\n" * 40, "1001/лог_файл.txt": "строка\n".encode() * 30, "1002/a.log": b"x" * 300_000}


def django_hash(password, rounds=1000):
    salt = "o9BDhQ5nnE9CCf7tLtyFkr"
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), rounds)
    return f"pbkdf2_sha256${rounds}${salt}${base64.b64encode(digest).decode()}"


def statements(dialect):
    def flag(value):
        return int(value) if dialect == "sqlite" else bool(value)

    when = WHEN if dialect == "sqlite" else WHEN + "+00"
    for statement in SCHEMA.format(**TYPES[dialect]).split(";"):
        if statement.strip():
            yield statement, ()
    user = "INSERT INTO account_user VALUES (?,?,?,?,?,?,?,?,?,?,?)"
    yield user, (1, django_hash(PASSWORD), when, flag(1), "admin", "Ann", "Lee", "a@example.com", flag(1), flag(1), when)
    yield user, (2, django_hash("B0b-pass-word!"), None, flag(0), "bob", "", "", "", flag(0), flag(0), when)
    yield "INSERT INTO otp_totp_totpdevice VALUES (?,?,?,?,?,?,?,?,?,?,?)", (1, "default", flag(1), KEY, 30, 0, 6, 1, 0, -1, 1)
    yield "INSERT INTO otp_static_staticdevice VALUES (?,?,?,?)", (1, "backup", flag(1), 1)
    yield "INSERT INTO otp_static_statictoken VALUES (?,?,?)", (1, CODE, 1)
    yield "INSERT INTO collector_platform VALUES (?,?,?)", (1, "vm6", "VMmanager 6")
    for n, (number, token) in enumerate(TOKENS.items(), 1):
        token = token if dialect == "sqlite" else str(uuid.UUID(token))
        yield ("INSERT INTO collector_ticket VALUES (?,?,?,?,?,?,?,?,?,?)",
               (n, number, flag(number == 1002), "note", token, 3, when, when, "vm6", 1))
    for n, (name, content) in enumerate(FILES.items(), 1):
        yield ("INSERT INTO collector_archive VALUES (?,?,?,?,?,?,?)",
               (n, name, len(content), hashlib.md5(content).hexdigest(), when, when, int(name[:4])))


def quoted(value):
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, (bool, int)) else "'" + value.replace("'", "''") + "'"


def filled(statement, values):
    for value in values:
        statement = statement.replace("?", quoted(value), 1)
    return statement


def make(directory):
    """db.sqlite3 and media in it: what --db and --media of import-django take."""
    path, media = os.path.join(directory, "db.sqlite3"), os.path.join(directory, "media")
    for name, content in FILES.items():
        os.makedirs(os.path.dirname(os.path.join(media, name)), exist_ok=True)
        with open(os.path.join(media, name), "wb") as f:
            f.write(content)
    with sqlite3.connect(path) as db:
        for statement, values in statements("sqlite"):
            db.execute(statement, values)
    db.close()
    return path, media
