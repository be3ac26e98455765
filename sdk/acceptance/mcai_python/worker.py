"""A media worker: writes the credentials that it gets as parameters to the file that RESULT names."""

import json
import os

import mcai_worker_sdk as mcai


class Parameters(mcai.WorkerParameters):
    """Each is a credential; the order says by which key, and from which store."""

    ftp_vault: dict
    ftp_backend: dict
    s3_vault: dict
    s3_backend: dict


class Worker(mcai.Worker):
    """Does nothing with its credentials but to keep them."""

    def setup(self) -> None:
        """Nothing is to be set up."""

    def process(self, handle_callback, parameters: Parameters, job_id: int) -> dict:
        """Called once for each order, with the credentials read."""
        with open(os.environ["RESULT"], "w", encoding="utf-8") as result:
            json.dump({name: getattr(parameters, name) for name in Parameters.__annotations__}, result)
        return {}


if __name__ == "__main__":
    Worker(Parameters, mcai.WorkerDescription(__package__)).start()
