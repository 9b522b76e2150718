"""An OpenAI-compatible endpoint that answers at once and at little cost, so that what is measured is who asks.

python -m benchmarks.instant_model   prints its base URL and serves until it is killed
"""

import asyncio
import json

from streamer.embedded.scripted_model import completion

BODY = json.dumps(completion("instant", json.dumps({"result": "none", "rationale": "calm"}), 500, 12)).encode()
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").lower().split("\r\n")
            size = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length"))
            await reader.readexactly(size)
            writer.write(REPLY)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
