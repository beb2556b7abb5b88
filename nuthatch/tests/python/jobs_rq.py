"""RQ: jobs, some of which fail, done by a worker that registers, fetches by BLMOVE and stores results."""

import sys

import redis
import rq


def double(n):
    if n % 10 == 7:
        raise ValueError(n)
    return 2 * n


def main():
    connection = redis.Redis(port=int(sys.argv[1]))
    queues = [rq.Queue(name, connection=connection) for name in ("default", "low")]
    # The worker finds the function by the name of this module.
    import jobs_rq

    jobs = [queues[n % 2].enqueue(jobs_rq.double, n) for n in range(100)]
    rq.SimpleWorker(queues, connection=connection).work(burst=True, logging_level="CRITICAL")
    for n, job in enumerate(jobs):
        status = str(job.get_status(refresh=True)).rsplit(".", 1)[-1].lower()
        assert status == ("failed" if n % 10 == 7 else "finished"), (n, status)
        if n % 10 != 7:
            assert job.return_value() == 2 * n
    assert all(queue.count == 0 for queue in queues)
    assert sum(len(queue.failed_job_registry) for queue in queues) == 10
    print("done")


if __name__ == "__main__":
    main()
