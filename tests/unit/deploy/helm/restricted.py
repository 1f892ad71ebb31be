"""Pod Security Standard "restricted", as code over a pod's specification.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

VOLUMES = {"name", "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral",
           "persistentVolumeClaim", "projected", "secret"}
SECCOMP = {"RuntimeDefault", "Localhost"}


def _containers(spec):
    for key in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(key, [])


def _pod_violations(spec):
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            yield f"{key} is set"
    security = spec.get("securityContext", {})
    if security.get("runAsUser") == 0:
        yield "the pod runs as user 0"
    if security.get("sysctls"):
        yield "sysctls are set"
    if "Unconfined" in str(security.get("appArmorProfile", "")):
        yield "AppArmor is unconfined"
    for volume in spec.get("volumes", []):
        for kind in set(volume) - VOLUMES:
            yield f"volume {volume['name']} is a {kind}"


def _container_violations(container, pod_security):
    own = container.get("securityContext", {})
    both = {**pod_security, **own}
    if own.get("privileged"):
        yield "is privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "may escalate its rights"
    capabilities = own.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", []):
        yield "keeps capabilities"
    if set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield "adds capabilities"
    if both.get("runAsNonRoot") is not True:
        yield "may run as root"
    if own.get("runAsUser") == 0:
        yield "runs as user 0"
    if both.get("seccompProfile", {}).get("type") not in SECCOMP:
        yield "has no seccomp profile"
    if own.get("procMount", "Default") != "Default":
        yield "has another procMount"
    for port in container.get("ports", []):
        if port.get("hostPort"):
            yield "binds a port of the node"


def violations(spec):
    """What in a pod's specification the standard forbids."""
    found = list(_pod_violations(spec))
    for container in _containers(spec):
        found += [f"{container['name']} {what}" for what in
                  _container_violations(container, spec.get("securityContext", {}))]
    return found
