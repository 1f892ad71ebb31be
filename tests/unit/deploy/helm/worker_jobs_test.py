"""The chart's jobs that measure machines."""

import unittest

import chart
import restricted

VALUES = chart.HERE / "values_good" / "worker_jobs.yaml"


def jobs(*arguments):
    """The jobs by the name that the values give them."""
    rendered = chart.objects("--values", VALUES, *arguments)
    return {each["metadata"]["name"].split("-")[-2]: each for each in rendered
            if each["kind"] == "Job"}


def pod(job):
    return job["spec"]["template"]["spec"]


def container(job):
    return pod(job)["containers"][0]


class WorkerJobsTest(unittest.TestCase):
    def test_there_are_none_unless_asked_for(self):
        rendered = chart.objects()
        self.assertNotIn("Job", chart.kinds(rendered))
        self.assertNotIn("worker", str(chart.find(rendered, "NetworkPolicy")))

    def test_each_runs_on_its_own_kind_of_whole_gpu(self):
        h200 = jobs()["h200"]
        self.assertEqual(pod(h200)["nodeSelector"],
                         {"nvidia.com/gpu.product": "NVIDIA-H200"})
        resources = container(h200)["resources"]
        self.assertEqual(resources["limits"]["nvidia.com/gpu"], 1)
        self.assertEqual(resources["limits"], resources["requests"])  # Guaranteed
        terms = (pod(h200)["affinity"]["nodeAffinity"]
                 ["requiredDuringSchedulingIgnoredDuringExecution"]
                 ["nodeSelectorTerms"])
        self.assertEqual({term["matchExpressions"][0]["operator"] for term in terms},
                         {"DoesNotExist", "Lt"})
        self.assertEqual(pod(jobs()["a100"])["nodeSelector"],
                         {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB",
                          "zone": "a"})

    def test_it_measures_what_it_says_or_what_all_do(self):
        self.assertEqual(container(jobs()["h200"])["args"], [
            "run", "--device=cuda", "--suite=standard", "--dtype=bf16,f32",
            "--output=/var/lib/moeplan-worker/h200-standard.jsonl",
            "--server=plan-moeplan:7600"])
        self.assertIn("--suite=full", container(jobs()["a100"])["args"])
        self.assertIn("--dtype=f32", container(
            jobs("--set", "worker.dtype=f32")["h200"])["args"])

    def test_a_processor_holds_no_gpu(self):
        epyc = jobs()["epyc"]
        self.assertNotIn("nvidia.com/gpu", container(epyc)["resources"]["limits"])
        self.assertNotIn("nodeSelector", pod(epyc))
        self.assertIn("--device=cpu", container(epyc)["args"])

    def test_results_go_to_a_volume_and_interrupted_ones_go_on(self):
        volumes = {each["name"]: each for each in pod(jobs()["a100"])["volumes"]}
        self.assertEqual(volumes["results"]["persistentVolumeClaim"],
                         {"claimName": "measurements"})
        volumes = {each["name"]: each for each in pod(jobs()["h200"])["volumes"]}
        self.assertEqual(volumes["results"]["emptyDir"], {"sizeLimit": "1Gi"})
        # A container that is started anew in its pod finds what it measured.
        self.assertEqual(pod(jobs()["h200"])["restartPolicy"], "OnFailure")

    def test_it_ends_and_is_deleted(self):
        spec = jobs("--set", "worker.backoffLimit=1,worker.activeDeadlineSeconds=900,"
                    "worker.ttlSecondsAfterFinished=60")["h200"]["spec"]
        self.assertEqual((spec["backoffLimit"], spec["activeDeadlineSeconds"],
                          spec["ttlSecondsAfterFinished"]), (1, 900, 60))

    def test_another_specification_is_another_job(self):
        def name(*arguments):
            return jobs(*arguments)["h200"]["metadata"]["name"]
        self.assertEqual(name(), name())
        self.assertNotEqual(name(), name("--set", "worker.image.tag=next"))
        self.assertLessEqual(len(name("--set", "fullnameOverride=" + 50 * "a")), 63)

    def test_the_server_admits_them(self):
        closed = VALUES.with_name("closed_network.yaml")
        rendered = chart.objects("--values", VALUES, "--values", closed)
        policy = chart.find(rendered, "NetworkPolicy")
        admitted = [each["podSelector"]["matchLabels"]
                    for each in policy["spec"]["ingress"][0]["from"]]
        job = next(each for each in rendered if each["kind"] == "Job")
        labels = job["spec"]["template"]["metadata"]["labels"]
        self.assertTrue(any(each.items() <= labels.items() for each in admitted))
        # And no Service of the server leads to them.
        for each in rendered:
            if each["kind"] == "Service":
                self.assertFalse(each["spec"]["selector"].items() <= labels.items())

    def test_rights_to_counters_are_given_only_where_asked_for(self):
        self.assertEqual(restricted.violations(pod(jobs()["h200"])), [])
        self.assertNotIn("--counters", container(jobs()["h200"])["args"])
        counting = jobs("--set", "worker.counters=true")["h200"]
        self.assertIn("--counters", container(counting)["args"])
        found = restricted.violations(pod(counting))
        self.assertEqual(sorted(found), [
            "worker adds capabilities", "worker may run as root",
            "worker runs as user 0"])


if __name__ == "__main__":
    unittest.main()
