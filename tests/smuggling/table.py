"""Requests that front ends and servers are known to read differently (RFC 9112 3.2, 5, 6, 7, 11.2): name → bytes. Each
carries a second request where a reader who gets the length wrong would find it."""

HIDDEN = b"GET /smuggled HTTP/1.1\r\nHost: x\r\nX-Hidden: 1\r\n\r\n"
CHUNKS = b"5\r\nabcde\r\n0\r\n\r\n"


def request(path, *lines, body=b"", method=b"POST", version=b"HTTP/1.1", host=b"Host: x"):
    head = [method + b" " + path + b" " + version] + [host] * bool(host) + list(lines)
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def length(body):
    return b"Content-Length: %d" % len(body)


def odd_fields(path):
    """Field lines that are not what they seem."""
    chunked_hidden, both = b"0\r\n\r\n" + HIDDEN, length(b"0\r\n\r\n" + HIDDEN)
    te = {"xchunked": b"Transfer-Encoding: xchunked", "chunked twice": b"Transfer-Encoding: chunked, chunked",
          "identity": b"Transfer-Encoding: identity", "chunked, identity": b"Transfer-Encoding: chunked, identity",
          "identity, chunked": b"Transfer-Encoding: identity, chunked", "upper case": b"Transfer-Encoding: CHUNKED",
          "vertical tab": b"Transfer-Encoding: \x0bchunked", "tab": b"Transfer-Encoding:\tchunked",
          "space before colon": b"Transfer-Encoding : chunked", "leading space": b" Transfer-Encoding: chunked",
          "quoted": b'Transfer-Encoding: "chunked"', "null": b"Transfer-Encoding: chunked\x00",
          "semicolon": b"Transfer-Encoding: chunked;q=1", "empty": b"Transfer-Encoding:",
          "underscore": b"Transfer_Encoding: chunked", "bare cr": b"X: y\rTransfer-Encoding: chunked",
          "bare lf": b"X: y\nTransfer-Encoding: chunked", "fold": b"Transfer-Encoding:\r\n chunked",
          "high byte": b"Transfer-Encoding: chunked\xff", "comma": b"Transfer-Encoding: ,chunked",
          "two fields": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
          "named by Connection": b"Transfer-Encoding: chunked\r\nConnection: Transfer-Encoding"}
    cases = {f"length and coding, {k}": request(path, both, v, body=chunked_hidden) for k, v in te.items()}
    cases |= {f"coding alone, {k}": request(path, v, body=chunked_hidden) for k, v in te.items()}
    cases |= {f"coding and then length, {k}": request(path, v, b"Content-Length: 4", body=b"31\r\n" + HIDDEN)
              for k, v in list(te.items())[:8]}
    lengths = {"plus": b"+5", "minus": b"-5", "hex": b"0x5", "list": b"5, 5", "list differs": b"5, 6", "empty": b"",
               "space inside": b"5 5", "fold": b"5\r\n 6", "leading zeros": b"0000000000000000000005",
               "overflow": b"18446744073709551621", "huge": b"9" * 40, "letters": b"5a", "dot": b"5.0", "tab": b"\t5",
               "quoted": b'"5"', "nul": b"5\x00", "zero with a body": b"0"}
    cases |= {f"length {k}": request(path, b"Content-Length: " + v, body=b"abcde" + HIDDEN) for k, v in lengths.items()}
    cases["length twice"] = request(path, b"Content-Length: 5", b"Content-Length: 5", body=b"abcde" + HIDDEN)
    cases["lengths differ"] = request(path, b"Content-Length: 5", length(b"abcde" + HIDDEN), body=b"abcde" + HIDDEN)
    cases["length named by Connection"] = request(path, length(HIDDEN), b"Connection: Content-Length", body=HIDDEN)
    cases["length before a space"] = request(path, b"Content-Length : 0", length(HIDDEN), body=HIDDEN)
    cases["length without a value"] = request(path, b"Content-Length", length(HIDDEN), body=HIDDEN)
    return cases


def odd_chunks(path):
    te = b"Transfer-Encoding: chunked"
    bodies = {"extension": b"5;a=b\r\nabcde\r\n0\r\n\r\n", "lf": b"5\nabcde\n0\n\n", "plus": b"+5\r\nabcde\r\n0\r\n\r\n",
              "hex": b"0x5\r\nabcde\r\n0\r\n\r\n", "space": b"5 \r\nabcde\r\n0\r\n\r\n", "space in front": b" 5\r\nabcde\r\n0\r\n\r\n",
              "overflow": b"10000000000000005\r\nabcde\r\n0\r\n\r\n", "long": b"0" * 40 + b"5\r\nabcde\r\n0\r\n\r\n",
              "minus": b"-5\r\nabcde\r\n0\r\n\r\n", "empty size": b"\r\nabcde\r\n0\r\n\r\n", "too short": b"4\r\nabcde\r\n0\r\n\r\n",
              "too long": b"6\r\nabcde\r\n0\r\n\r\n", "cr in extension": b"5;a\rb\r\nabcde\r\n0\r\n\r\n",
              "lf in extension": b"5;a\nb\r\nabcde\r\n0\r\n\r\n", "trailer": b"5\r\nabcde\r\n0\r\nX: y\r\n\r\n",
              "length as trailer": b"5\r\nabcde\r\n0\r\nContent-Length: 99\r\n\r\n", "bare cr": b"5\rabcde\r0\r\r",
              "quoted extension": b'5;a="\r\n"\r\nabcde\r\n0\r\n\r\n', "end without crlf": b"5\r\nabcde\r\n0\r\n"}
    return {f"chunk {k}": request(path, te, body=v + HIDDEN) for k, v in bodies.items()}


def odd_lines(path):
    cases = {"get with a length": request(path, length(HIDDEN), body=HIDDEN, method=b"GET"),
             "get with chunks": request(path, b"Transfer-Encoding: chunked", body=CHUNKS + HIDDEN, method=b"GET"),
             "delete with a length": request(path, length(HIDDEN), body=HIDDEN, method=b"DELETE"),
             "1.0 with chunks": request(path, b"Transfer-Encoding: chunked", body=CHUNKS + HIDDEN, version=b"HTTP/1.0"),
             "1.0 kept alive": request(path, b"Content-Length: 5", b"Connection: keep-alive", body=b"abcde" + HIDDEN,
                                       version=b"HTTP/1.0"),
             "0.9": b"GET " + path + b"\r\n" + HIDDEN, "http/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HIDDEN,
             "version 1.2": request(path, length(HIDDEN), body=HIDDEN, version=b"HTTP/1.2"),
             "version 2.0": request(path, length(HIDDEN), body=HIDDEN, version=b"HTTP/2.0"),
             "lower version": request(path, length(HIDDEN), body=HIDDEN, version=b"http/1.1"),
             "two hosts": request(path, b"Host: y", length(HIDDEN), body=HIDDEN),
             "no host": request(path, length(HIDDEN), body=HIDDEN, host=b""),
             "absolute": request(b"http://other" + path, length(HIDDEN), body=HIDDEN),
             "two spaces": request(path, length(HIDDEN), body=HIDDEN, method=b"POST "),
             "tab in the line": request(path, length(HIDDEN), body=HIDDEN, method=b"POST\t"),
             "crlf in front": b"\r\n\r\n" + request(path, length(HIDDEN), body=HIDDEN),
             "lf ends": request(path, length(HIDDEN), body=HIDDEN).replace(b"\r\n", b"\n"),
             "lf ends the head": request(path, length(HIDDEN)).replace(b"\r\n\r\n", b"\n\n") + HIDDEN,
             "no name": request(path, b": x", length(HIDDEN), body=HIDDEN),
             "fold": request(path, b"X: y\r\n Content-Length: 0", length(HIDDEN), body=HIDDEN),
             "nul in a field": request(path, b"X: \x00y", length(HIDDEN), body=HIDDEN),
             "lower method": request(path, length(HIDDEN), body=HIDDEN, method=b"post"),
             "upgrade": request(path, b"Connection: Upgrade", b"Upgrade: h2c", length(HIDDEN), body=HIDDEN),
             "expect": request(path, b"Expect: 100-continue", length(HIDDEN), body=HIDDEN),
             "odd expect": request(path, b"Expect: 200-maybe", length(HIDDEN), body=HIDDEN),
             "truncated": request(path, b"Content-Length: 500", body=HIDDEN),
             "truncated chunks": request(path, b"Transfer-Encoding: chunked", body=b"1f4\r\n" + HIDDEN),
             "pipelined": request(path, b"Content-Length: 5", body=b"abcde") + HIDDEN + HIDDEN}
    return cases


def cases(path):
    return {**odd_fields(path), **odd_chunks(path), **odd_lines(path)}
