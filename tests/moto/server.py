"""Serves moto's EC2 and Auto Scaling on a free port of 127.0.0.1, with four corrections.

Stock moto 5.2.5 differs from AWS in four points that this product rests on:

1. RunInstances launches MinCount hosts. EC2 launches as many as it can up to MaxCount.
2. RunInstances ignores ClientToken. EC2 answers the same token and parameters with the same hosts, and the same token
   with other parameters with IdempotentParameterMismatch.
3. DescribeInstanceStatus fails with a filter for scheduled events or status checks. Its hosts have no events and fail no
   check, so there is nothing to be found.
4. DescribeInstanceRefreshes is not there. Nothing refreshes moto's groups.

All are corrected below; everything else is moto as it comes. README.md says what cannot be run on it.

Usage: server.py CALLS_FILE

When the server listens, it prints {"endpoint": ..., "subnets": [...], "image": ...} as one line. Each call is appended
to CALLS_FILE as its action and the milliseconds it took. The server ends when its standard input is closed.
"""

import io
import json
import sys
import threading
import time
from urllib.parse import parse_qs

from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses.instances import InstanceResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

REGION = "us-east-1"


class IdempotentParameterMismatch(EC2ClientError):
    def __init__(self):
        super().__init__(
            "IdempotentParameterMismatch",
            "The client token was used before with other parameters.",
        )


lock = threading.Lock()
launches = {}
run_instances_of_moto = InstanceResponse.run_instances


def run_instances(self):
    token = self._get_param("ClientToken")
    form = {key: value for key, value in self.data.items() if not key.startswith("X-Amz")}
    with lock:
        if token in launches:
            earlier, reservation = launches[token]
            if earlier != form:
                raise IdempotentParameterMismatch
            return ActionResult(reservation)
        backend = self.ec2_backend
        wanted = int(self._get_param("MaxCount", "1"))
        launch = type(backend).run_instances

        def launch_max_count(image_id, _min_count, *args, **kwargs):
            return launch(backend, image_id, wanted, *args, **kwargs)

        backend.run_instances = launch_max_count
        try:
            answer = run_instances_of_moto(self)
        finally:
            del backend.run_instances
        launches[token] = (form, answer.result)
        return answer


describe_instance_status_of_moto = InstanceResponse.describe_instance_status


def describe_instance_status(self):
    if {"event.code", "system-status.status", "instance-status.status"} & set(self._filters_from_querystring()):
        return ActionResult({"InstanceStatuses": []})
    return describe_instance_status_of_moto(self)


def describe_instance_refreshes(_):
    return ActionResult({"InstanceRefreshes": []})


AutoScalingResponse.describe_instance_refreshes = describe_instance_refreshes
InstanceResponse.run_instances = run_instances
InstanceResponse.describe_instance_status = describe_instance_status


class Counted:
    """Passes requests on to moto and writes down what was asked."""

    def __init__(self, application, calls):
        self.application = application
        self.calls = calls

    def __call__(self, environ, start_response):
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        environ["wsgi.input"] = io.BytesIO(body)
        action = environ.get("HTTP_X_AMZ_TARGET") or parse_qs(body.decode("utf-8", "replace")).get("Action", ["-"])[0]
        started = time.monotonic()
        try:
            return self.application(environ, start_response)
        finally:
            millis = (time.monotonic() - started) * 1000
            with open(self.calls, "a") as calls:
                calls.write(f"{action} {millis:.1f}\n")


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_):
        pass


def main():
    calls = sys.argv[1]
    open(calls, "w").close()
    application = Counted(DomainDispatcherApplication(create_backend_app), calls)
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    from moto.ec2.models import ec2_backends

    backend = ec2_backends["123456789012"][REGION]
    subnets = [subnet.id for subnet in backend.describe_subnets()]
    image = backend.describe_images()[0].id
    about = {"endpoint": f"http://127.0.0.1:{server.server_port}", "subnets": subnets, "image": image}
    print(json.dumps(about), flush=True)
    sys.stdin.read()


main()
