"""A collector of OpenTelemetry: what is sent to it by HTTP, as spans."""

import gzip
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ringrift.pipeline.telemetry import ENDPOINTS


class Collector:
    """Its address, and the spans that came."""

    def __init__(self):
        self.spans = []
        self.services = set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.environ = {ENDPOINTS[0]: f"http://127.0.0.1:{self.server.server_port}"}

    def take(self, request):
        """Note the spans of one message."""
        for of_resource in request.resource_spans:
            about = {a.key: a.value.string_value for a in of_resource.resource.attributes}
            self.services.add(about["service.name"])
            for scope in of_resource.scope_spans:
                self.spans += scope.spans

    def of(self, name):
        """The spans of a name."""
        return [span for span in self.spans if span.name == name]


def attributes(span):
    """What a span says of itself, without the prefix."""
    found = {}
    for one in span.attributes:
        kind = one.value.WhichOneof("value")
        found[one.key.removeprefix("ringrift.")] = getattr(one.value, kind)
    return found


@contextmanager
def collecting():
    """Run a collector for the length of a block."""
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.server.shutdown()
        thread.join()
        collector.server.server_close()
