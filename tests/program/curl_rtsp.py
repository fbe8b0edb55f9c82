"""curl_rtsp.py ADDRESS USER PASSWORD PACKETS: reads a stream with libcurl's RTSP, which curl's command line has no
words for beyond OPTIONS: DESCRIBE, SETUP, PLAY, so many interleaved packets, TEARDOWN.
"""

import ctypes
import sys

# curl/curl.h
URL, USERPWD, WRITEFUNCTION, INTERLEAVEFUNCTION = 10002, 10005, 20011, 20196
HTTPAUTH, TIMEOUT_MS, NOSIGNAL = 107, 155, 99
RTSP_REQUEST, RTSP_STREAM_URI, RTSP_TRANSPORT = 189, 10191, 10192
DESCRIBE, SETUP, PLAY, TEARDOWN, RECEIVE = 2, 4, 5, 7, 11
BASIC_OR_DIGEST = 3
RESPONSE_CODE = 0x200002

curl = ctypes.CDLL("libcurl.so.4")
curl.curl_easy_init.restype = ctypes.c_void_p
Taker = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p)

address, user, password, wanted = sys.argv[1:]
handle = ctypes.c_void_p(curl.curl_easy_init())
packets = 0


def take(_data, size, number, _user):
    return size * number


def take_packet(_data, size, number, _user):
    global packets
    packets += 1
    return size * number


def set_option(option, value):
    value = value.encode() if isinstance(value, str) else value
    kind = ctypes.c_char_p if isinstance(value, bytes) else ctypes.c_long if isinstance(value, int) else type(value)
    result = curl.curl_easy_setopt(handle, option, kind(value) if kind in (ctypes.c_char_p, ctypes.c_long) else value)
    if result:
        sys.exit(f"option {option}: error {result}")


def request(kind, address):
    set_option(RTSP_REQUEST, kind)
    set_option(RTSP_STREAM_URI, address)
    result = curl.curl_easy_perform(handle)
    status = ctypes.c_long()
    curl.curl_easy_getinfo(handle, RESPONSE_CODE, ctypes.byref(status))
    if result or status.value != 200:
        sys.exit(f"request {kind}: error {result}, status {status.value}")


takers = Taker(take), Taker(take_packet)
set_option(URL, address)
set_option(NOSIGNAL, 1)
set_option(TIMEOUT_MS, 20000)
set_option(WRITEFUNCTION, takers[0])
set_option(INTERLEAVEFUNCTION, takers[1])
if user:
    set_option(HTTPAUTH, BASIC_OR_DIGEST)
    set_option(USERPWD, f"{user}:{password}")
request(DESCRIBE, address)
set_option(RTSP_TRANSPORT, "RTP/AVP/TCP;unicast;interleaved=0-1")
request(SETUP, f"{address}/stream=0")
request(PLAY, address)
while packets < int(wanted):
    set_option(RTSP_REQUEST, RECEIVE)
    if result := curl.curl_easy_perform(handle):
        sys.exit(f"no packet: error {result}")
request(TEARDOWN, address)
