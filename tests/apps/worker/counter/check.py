"""Whether the counter answers."""

import urllib.request

urllib.request.urlopen("http://127.0.0.1:9000/", timeout=1)
