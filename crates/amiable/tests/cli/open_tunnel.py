#!/usr/bin/python3
"""A client of the tests' own for `aws ec2-instance-connect open-tunnel`, which AWS' first CLI and
Debian 12's second do not have. Like AWS' it goes on when its standard input has ended. With
`query` as the first argument: any call, for actions that these do not know either."""
import base64, os, re, socket, struct, sys, threading, time, urllib.parse, urllib.request
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

options = dict(zip(sys.argv[3::2], sys.argv[4::2]))
region, endpoint = options.get("--region", "us-east-1"), os.environ["AWS_ENDPOINT_URL"]
key = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])


def call(**parameters):
    body = urllib.parse.urlencode({"Version": "2016-11-15", **parameters}).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    request = AWSRequest("POST", endpoint, data=body, headers=kind)
    SigV4Auth(key, "ec2", region).add_auth(request)
    request = urllib.request.Request(endpoint, body, dict(request.headers.items()))
    return urllib.request.urlopen(request).read().decode()


def first(name, text):
    found = re.search(f"<{name}>([^<]*)</{name}>", text)
    return found and found.group(1)


if sys.argv[1] == "query":
    print(call(**dict(word.split("=", 1) for word in sys.argv[2:])))
    sys.exit()
assert sys.argv[1:3] == ["ec2-instance-connect", "open-tunnel"], sys.argv
instance = call(**{"Action": "DescribeInstances", "InstanceId.1": options["--instance-id"]})
filters = {"Filter.1.Name": "vpc-id", "Filter.1.Value.1": first("vpcId", instance)}
filters |= {"Filter.2.Name": "state", "Filter.2.Value.1": "create-complete"}
endpoints = call(Action="DescribeInstanceConnectEndpoints", **filters)
found = first("instanceConnectEndpointId", endpoints)
if not found:
    sys.exit("There are no available instance connect endpoints.")
host = first("dnsName", endpoints)
query = urllib.parse.urlencode({
    "instanceConnectEndpointId": found,
    "remotePort": options["--remote-port"],
    "privateIpAddress": first("privateIpAddress", instance),
})
request = AWSRequest("GET", f"http://{host}/openTunnel?{query}", headers={"host": host})
SigV4QueryAuth(key, "ec2-instance-connect", region, expires=60).add_auth(request)
url = urllib.parse.urlsplit(request.url)

# AWS' listens at port 443 of that host, with TLS; this one is the endpoint itself.
local = urllib.parse.urlsplit(endpoint)
tunnel = socket.create_connection((local.hostname, local.port))
nonce = base64.b64encode(os.urandom(16)).decode()
tunnel.sendall((
    f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
    f"Connection: Upgrade\r\nSec-WebSocket-Key: {nonce}\r\nSec-WebSocket-Version: 13\r\n\r\n"
).encode())
stream = tunnel.makefile("rb")
status = stream.readline().decode()
headers = dict(iter(lambda: tuple(stream.readline().decode().strip().lower().split(": ", 1)), ("",)))
if " 101 " not in status:
    sys.exit(stream.read(int(headers.get("content-length", 0))).decode())


def send(kind, data):
    mask = os.urandom(4)
    size = len(data)
    length = bytes([128 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
    pad = (mask * (size // 4 + 1))[:size]
    masked = int.from_bytes(data, "big") ^ int.from_bytes(pad, "big")
    tunnel.sendall(bytes([128 | kind]) + length + mask + masked.to_bytes(size, "big"))


def up():
    while data := os.read(0, 32000):
        send(2, data)
    time.sleep(1000000)


threading.Thread(target=up, daemon=True).start()
while head := stream.read(2):
    kind, size = head[0] & 15, head[1]
    if size == 126:
        size = struct.unpack(">H", stream.read(2))[0]
    elif size == 127:
        size = struct.unpack(">Q", stream.read(8))[0]
    data = stream.read(size)
    if kind == 8:
        break
    while kind == 2 and data:
        data = data[os.write(1, data):]
os._exit(0)
