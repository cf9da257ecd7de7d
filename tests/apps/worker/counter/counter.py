"""Counts the words of what it is sent; only its own task reaches it."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Count(BaseHTTPRequestHandler):
    """POST a text, get a number; GET says that it is there."""

    def do_POST(self) -> None:
        """Count."""
        self._say(str(len(self.rfile.read(int(self.headers["Content-Length"])).split())))

    def do_GET(self) -> None:
        """Be well."""
        self._say("well")

    def _say(self, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


ThreadingHTTPServer(("127.0.0.1", 9000), Count).serve_forever()
