"""Says who answers, and what was asked for."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answer(BaseHTTPRequestHandler):
    """One line for every path."""

    def do_GET(self) -> None:
        """Answer."""
        line = f"{os.environ['WHO']} {self.path}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(line)))
        self.end_headers()
        self.wfile.write(line)


ThreadingHTTPServer(("0.0.0.0", 8080), Answer).serve_forever()
