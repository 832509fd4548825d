#!/usr/bin/env python3
"""Compares a mailbox at two IMAP servers, message by message, without changing either.

Nothing here is mailferry's: it reads both sides anew (EXAMINE, BODY.PEEK) and compares, folder by
folder, the multisets of SHA-256, flags and INTERNALDATE. It prints every difference.

  export SOURCE_PASSWORD=... DESTINATION_PASSWORD=...
  tests/compare.py --source imap.old.example --source-user ada@acme.example \\
      --destination imap.new.example:993 --destination-user ada@acme.example \\
      --ca ca.pem --map "Sent=Sent Items" --map "Spam=Junk Email"

Folders below a mapped one move along; the nearest --map above counts. \\Recent is no flag of a
message and never compared, \\Deleted only with --deleted, because mailferry leaves it behind.

Exit code: 0 both sides are the same, 1 they differ, 2 something could not be read.
"""

import argparse
import base64
import collections
import hashlib
import imaplib
import os
import re
import ssl
import sys
import time

# A line of FETCH holds flags, one of LIST a name: imaplib's own limit is for attackers.
imaplib._MAXLINE = 10_000_000

BATCH_MESSAGES = 100
BATCH_OCTETS = 16_000_000

Message = collections.namedtuple("Message", "uid digest flags date size message_id")


class Unreadable(Exception):
    """Something could not be read: nothing is known of it."""


def checked(answer, what):
    """Returns the data of an answer that is OK."""
    status, data = answer
    if status != "OK":
        raise Unreadable(f"{what}: {status} {data!r}")
    return data


def decode_name(name):
    """Decodes modified UTF-7, RFC 3501 section 5.1.3."""

    def run(match):
        if not match.group(1):
            return "&"
        code = match.group(1).replace(",", "/")
        return base64.b64decode(code + "=" * (-len(code) % 4)).decode("utf-16-be")

    return re.sub(r"&([^-]*)-", run, name.decode("ascii"))


def quote(name):
    return b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


class Side:
    """One mailbox, signed in."""

    def __init__(self, what, server, user, password, context):
        self.what = what
        host, _, port = server.partition(":")
        if context is None:
            self.imap = imaplib.IMAP4(host, int(port or 143))
        else:
            self.imap = imaplib.IMAP4_SSL(host, int(port or 993), ssl_context=context)
        checked(self.imap.login(quote(user.encode()).decode(), password), f"{what}: LOGIN")

    def folders(self):
        """Returns path → name on the wire of all folders that can hold messages."""
        found = {}
        for line in checked(self.imap.list(), f"{self.what}: LIST"):
            if line is None:
                continue
            literal = None
            if isinstance(line, tuple):
                line, literal = line
            if not line.strip():
                continue
            match = re.match(rb'\((?P<words>[^)]*)\) (?P<sep>NIL|"(?:\\.|[^"])*") (?P<name>.*)$', line, re.S)
            if not match:
                raise Unreadable(f"{self.what}: LIST: {line!r}")
            if literal is not None:
                name = literal
            else:
                name = match["name"]
                if name.startswith(b'"'):
                    name = re.sub(rb"\\(.)", rb"\1", name[1:-1])
            words = match["words"].lower().split()
            if b"\\noselect" in words or b"\\nonexistent" in words:
                continue
            separator = "" if match["sep"] == b"NIL" else match["sep"][1:-1].decode()[-1]
            path = decode_name(name)
            if separator and separator != "/":
                # A separator of this server may not be one of the other's.
                path = path.replace("/", "\N{FRACTION SLASH}").replace(separator, "/")
            if path.upper() == "INBOX":
                path = "INBOX"
            found[path] = name
        return found

    def messages(self, path, name):
        """Returns all messages of a folder."""
        what = f"{self.what}: {path}"
        count = int(checked(self.imap.select(quote(name), readonly=True), f"{what}: EXAMINE")[0])
        if count == 0:
            return []
        rows = {}
        answer = self.imap.uid("FETCH", "1:*", "(UID FLAGS INTERNALDATE RFC822.SIZE)")
        for line in checked(answer, f"{what}: FETCH"):
            if isinstance(line, tuple):
                raise Unreadable(f"{what}: a literal where none belongs: {line!r}")
            uid = int(field(rb"UID (\d+)", line, what))
            flags = field(rb"FLAGS \(([^)]*)\)", line, what).decode("utf-8", "replace").split()
            date = imaplib.Internaldate2tuple(line)
            if date is None:
                raise Unreadable(f"{what}: UID {uid}: no INTERNALDATE in {line!r}")
            size = int(field(rb"RFC822\.SIZE (\d+)", line, what))
            rows[uid] = (flags, int(time.mktime(date)), size)
        if len(rows) < count:
            raise Unreadable(f"{what}: {count} messages are there, the listing gave {len(rows)}")
        found = []
        for batch in batches(rows):
            bodies = self.bodies(batch, what)
            for uid in batch:
                if uid not in bodies:
                    raise Unreadable(f"{what}: UID {uid}: no body")
                digest, size, message_id = bodies[uid]
                flags, date, _ = rows[uid]
                flags = frozenset(flag for flag in flags if flag.lower() != "\\recent")
                found.append(Message(uid, digest, flags, date, size, message_id))
        return found

    def bodies(self, uids, what):
        """Returns UID → (digest, size, Message-ID)."""
        found = {}
        answer = self.imap.uid("FETCH", ",".join(map(str, uids)), "(UID BODY.PEEK[])")
        data = checked(answer, f"{what}: FETCH BODY.PEEK[]")
        for index, part in enumerate(data):
            if not isinstance(part, tuple):
                continue
            # The UID stands before the body or, at Exchange, after it.
            rest = data[index + 1] if index + 1 < len(data) else b""
            around = part[0] + b" " + (rest if isinstance(rest, bytes) else b"")
            uid = int(field(rb"UID (\d+)", around, what))
            head = re.split(rb"\r?\n\r?\n", part[1], maxsplit=1)[0]
            match = re.search(rb"^message-id:\s*(\S+)", head, re.I | re.M)
            message_id = match.group(1) if match else None
            found[uid] = (hashlib.sha256(part[1]).hexdigest(), len(part[1]), message_id)
        return found


def field(pattern, line, what):
    match = re.search(pattern, line)
    if not match:
        raise Unreadable(f"{what}: {line[:200]!r} lacks {pattern!r}")
    return match.group(1)


def batches(rows):
    batch, octets = [], 0
    for uid in sorted(rows):
        size = rows[uid][2]
        if batch and (len(batch) == BATCH_MESSAGES or octets + size > BATCH_OCTETS):
            yield batch
            batch, octets = [], 0
        batch.append(uid)
        octets += size
    if batch:
        yield batch


def goes_to(path, mapping):
    """Returns where a folder goes: the nearest entry at or above it counts."""
    parts = path.split("/")
    for depth in range(len(parts), 0, -1):
        above = "/".join(parts[:depth])
        if above in mapping:
            return "/".join([mapping[above], *parts[depth:]])
    return path


def pairs(ours, theirs, key):
    """Takes messages with equal keys off both lists, in order, and yields them."""
    free = collections.defaultdict(list)
    for message in theirs:
        free[key(message)].append(message)
    for message in list(ours):
        if key(message) is not None and free[key(message)]:
            other = free[key(message)].pop(0)
            ours.remove(message)
            theirs.remove(other)
            yield message, other


def show(message):
    flags = " ".join(sorted(message.flags)) or "no flags"
    return f"UID {message.uid}, {message.size} octets, {message.date}, {flags}, {message.digest[:16]}"


def compare(ours, theirs):
    """Yields a line for each difference."""
    ours, theirs = list(ours), list(theirs)
    exact = collections.Counter((m.digest, m.flags, m.date) for m in theirs)
    left = []
    for message in ours:
        key = (message.digest, message.flags, message.date)
        if exact[key] > 0:
            exact[key] -= 1
        else:
            left.append(message)
    extra = []
    for message in reversed(theirs):
        key = (message.digest, message.flags, message.date)
        if exact[key] > 0:
            exact[key] -= 1
            extra.append(message)
    extra.reverse()
    for one, other in pairs(left, extra, lambda m: (m.digest, m.date)):
        yield f"flags: UID {one.uid} has {sorted(one.flags)}, UID {other.uid} there has {sorted(other.flags)}"
    for one, other in pairs(left, extra, lambda m: m.digest):
        yield f"date: UID {one.uid} has {one.date}, UID {other.uid} there has {other.date}"
    for one, other in pairs(left, extra, lambda m: m.message_id and (m.message_id, m.date)):
        yield f"octets: {show(one)}; there {show(other)}"
    for message in left:
        yield f"missing: {show(message)}"
    for message in extra:
        yield f"extra: {show(message)}"


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for side in ("source", "destination"):
        parser.add_argument(f"--{side}", required=True, metavar="HOST[:PORT]")
        parser.add_argument(f"--{side}-user", required=True, metavar="NAME")
        parser.add_argument(
            f"--{side}-password-env", default=f"{side.upper()}_PASSWORD", metavar="VARIABLE"
        )
    parser.add_argument("--ca", metavar="FILE", help="the CA of both servers; the system's otherwise")
    parser.add_argument("--plain", action="store_true", help="no TLS, for servers on this machine")
    parser.add_argument("--map", action="append", default=[], metavar="FROM=TO")
    parser.add_argument("--map-file", metavar="FILE", help="FROM=TO, one a line")
    parser.add_argument("--exclude", action="append", default=[], metavar="FOLDER")
    parser.add_argument("--deleted", action="store_true", help="compare \\Deleted as well")
    parser.add_argument("--limit", type=int, default=0, help="differences to print of one folder")
    return parser.parse_args()


def run(options):
    lines = list(options.map)
    if options.map_file:
        with open(options.map_file, encoding="utf-8") as file:
            lines += [line.rstrip("\n") for line in file if line.strip()]
    mapping = dict(line.split("=", 1) for line in lines)
    context = None if options.plain else ssl.create_default_context(cafile=options.ca)
    password = os.environ
    source = Side(
        "source", options.source, options.source_user,
        password[options.source_password_env], context,
    )
    destination = Side(
        "destination", options.destination, options.destination_user,
        password[options.destination_password_env], context,
    )
    wanted = collections.defaultdict(list)
    for path, name in sorted(source.folders().items()):
        if path in options.exclude:
            continue
        messages = source.messages(path, name)
        if not options.deleted:
            messages = [m._replace(flags=m.flags - {"\\Deleted"}) for m in messages]
        wanted[goes_to(path, mapping)] += messages
    there = destination.folders()
    total = differences = 0
    for path in sorted(set(wanted) | set(there)):
        ours = wanted.get(path, [])
        theirs = destination.messages(path, there[path]) if path in there else []
        total += len(ours)
        found = list(compare(ours, theirs))
        if path in wanted and path not in there:
            found.insert(0, "the folder is not there")
        differences += len(found)
        if found or ours or theirs:
            print(f"{path}: {len(ours)} at the source, {len(theirs)} there, {len(found)} differences")
        for line in found[: options.limit or None]:
            print(f"  {line}")
    print(f"{total} messages at the source, {differences} differences")
    return 1 if differences else 0


def main():
    # imaplib turns INTERNALDATE into local time, which in UTC has no hour twice.
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        sys.exit(run(arguments()))
    except (Unreadable, imaplib.IMAP4.error, OSError, KeyError, ValueError) as error:
        print(f"error: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(2)


main()
