{{- /* Rules between values, each refused with a sentence that names the value.
       Types are the matter of values.schema.json. */ -}}

{{- /* Milliseconds of a duration. List: name of the value, text. */ -}}
{{- define "moeplan.milliseconds" -}}
{{- $text := index . 1 -}}
{{- if not (regexMatch "^[0-9]{1,8}(ms|s|m|h)$" $text) -}}
{{- fail (printf "%s is %q: write a duration as 500ms, 5s, 2m or 1h" (index . 0) $text) -}}
{{- end -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 -}}
{{- $count := regexFind "^[0-9]+" $text -}}
{{- $each := get $units (trimPrefix $count $text) -}}
{{- /* A leading zero would be read as octal. */ -}}
{{- $total := mul (regexReplaceAll "^0+" $count "" | default "0" | int64) $each -}}
{{- if gt $total 86400000 -}}
{{- fail (printf "%s is %q: at most 24h" (index . 0) $text) -}}
{{- end -}}
{{- $total -}}
{{- end -}}

{{- define "moeplan.drainMilliseconds" -}}
{{- add (include "moeplan.milliseconds" (list "server.drainNotice" .Values.server.drainNotice) | int64)
        (include "moeplan.milliseconds" (list "server.drainDeadline" .Values.server.drainDeadline) | int64) -}}
{{- end -}}

{{- define "moeplan.gracePeriod" -}}
{{- $drain := include "moeplan.drainMilliseconds" . | int64 -}}
{{- $given := .Values.terminationGracePeriodSeconds -}}
{{- if kindIs "invalid" $given -}}
{{- add (div (add $drain 999) 1000) 10 -}}
{{- else if le (mul (int64 $given) 1000) $drain -}}
{{- fail (printf "terminationGracePeriodSeconds is %d: it must be more than server.drainNotice and server.drainDeadline together (%s + %s), or the server is killed while it drains" (int64 $given) .Values.server.drainNotice .Values.server.drainDeadline) -}}
{{- else -}}
{{- int64 $given -}}
{{- end -}}
{{- end -}}

{{- define "moeplan.checkOneServer" -}}
{{- if gt (int .Values.replicaCount) 1 -}}
{{- fail (printf "replicaCount is %d: the SQLite store admits one server; use 1, or 0 to rest" (int .Values.replicaCount)) -}}
{{- end -}}
{{- if lt (int .Values.replicaCount) 0 -}}
{{- fail (printf "replicaCount is %d: use 1, or 0 to rest" (int .Values.replicaCount)) -}}
{{- end -}}
{{- if .Values.autoscaling.enabled -}}
{{- fail "autoscaling.enabled is true: the SQLite store admits one server, so there is nothing to scale; set it to false" -}}
{{- end -}}
{{- end -}}

{{- define "moeplan.checkNames" -}}
{{- range $key := list "fullnameOverride" "nameOverride" -}}
{{- $name := get $.Values $key -}}
{{- if and $name (not (regexMatch "^[a-z]([-a-z0-9]{0,48}[a-z0-9])?$" $name)) -}}
{{- fail (printf "%s is %q: at most 50 of a-z, 0-9 and -, beginning with a letter and not ending with -" $key $name) -}}
{{- end -}}
{{- end -}}
{{- $full := include "moeplan.fullname" . -}}
{{- if not (regexMatch "^[a-z][-a-z0-9]*$" $full) -}}
{{- fail (printf "the release would name its Services %q: Kubernetes wants a-z, 0-9 and -, beginning with a letter; set fullnameOverride" $full) -}}
{{- end -}}
{{- with .Values.image.digest -}}
{{- if not (regexMatch "^sha256:[0-9a-f]{64}$" .) -}}
{{- fail (printf "image.digest is %q: write sha256: and 64 hexadecimal digits" .) -}}
{{- end -}}
{{- end -}}
{{- if not (has .Values.image.pullPolicy (list "Always" "IfNotPresent" "Never")) -}}
{{- fail (printf "image.pullPolicy is %q: use Always, IfNotPresent or Never" .Values.image.pullPolicy) -}}
{{- end -}}
{{- range $key, $value := .Values.podLabels -}}
{{- if has $key (list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component") -}}
{{- fail (printf "podLabels names %s: the chart selects its pods by that label and sets it itself" $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "moeplan.checkServer" -}}
{{- $server := .Values.server -}}
{{- if or (hasPrefix "127." $server.bindAddress) (has $server.bindAddress (list "localhost" "::1")) -}}
{{- fail (printf "server.bindAddress is %q: on loopback neither probes nor clients reach the server; use 0.0.0.0 or ::" $server.bindAddress) -}}
{{- end -}}
{{- if not (has $server.logLevel (list "debug" "info" "warning" "error" "off")) -}}
{{- fail (printf "server.logLevel is %q: use debug, info, warning, error or off" $server.logLevel) -}}
{{- end -}}
{{- $_ := include "moeplan.milliseconds" (list "server.slowCall" $server.slowCall) -}}
{{- $owned := list "MOEPLAN_LISTEN" "MOEPLAN_METRICS_LISTEN" "MOEPLAN_STORE_DIR" "MOEPLAN_DRAIN_NOTICE" "MOEPLAN_DRAIN_DEADLINE" -}}
{{- range .Values.extraEnv -}}
{{- if has .name $owned -}}
{{- fail (printf "extraEnv sets %s: the chart sets it itself, from server, service, metrics or persistence" .name) -}}
{{- end -}}
{{- end -}}
{{- range .Values.extraVolumes -}}
{{- if has .name (list "data" "tmp") -}}
{{- fail (printf "extraVolumes has a volume %q: the chart has one of that name; choose another" .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "moeplan.checkStorage" -}}
{{- $store := .Values.persistence -}}
{{- if and $store.existingClaim (not $store.enabled) -}}
{{- fail (printf "persistence.existingClaim is %q but persistence.enabled is false: the claim would not be used" $store.existingClaim) -}}
{{- end -}}
{{- if not (has $store.accessMode (list "ReadWriteOnce" "ReadWriteOncePod")) -}}
{{- fail (printf "persistence.accessMode is %q: SQLite needs a volume of one node; use ReadWriteOnce or ReadWriteOncePod" $store.accessMode) -}}
{{- end -}}
{{- if not (regexMatch "^[0-9]+(\\.[0-9]+)?([KMGTPE]i?|k|m)?$" $store.size) -}}
{{- fail (printf "persistence.size is %q: write a quantity such as 1Gi" $store.size) -}}
{{- end -}}
{{- end -}}

{{- define "moeplan.checkPorts" -}}
{{- $metrics := .Values.metrics -}}
{{- if ne .Values.service.type "ClusterIP" -}}
{{- fail (printf "service.type is %q: the server speaks plain text and knows no users, so it is only served inside the cluster; use ClusterIP" .Values.service.type) -}}
{{- end -}}
{{- if not (has .Values.service.appProtocol (list "kubernetes.io/h2c" "grpc")) -}}
{{- fail (printf "service.appProtocol is %q: use kubernetes.io/h2c or grpc" .Values.service.appProtocol) -}}
{{- end -}}
{{- range $key, $port := dict "service.port" .Values.service.port "metrics.port" $metrics.port -}}
{{- if or (lt (int $port) 1024) (gt (int $port) 65535) -}}
{{- fail (printf "%s is %d: use 1024 to 65535; the server is not root and binds no lower one" $key (int $port)) -}}
{{- end -}}
{{- end -}}
{{- if and $metrics.enabled (eq (int $metrics.port) (int .Values.service.port)) -}}
{{- fail (printf "metrics.port is %d, as is service.port: they must differ" (int $metrics.port)) -}}
{{- end -}}
{{- end -}}

{{- define "moeplan.checkMonitoring" -}}
{{- $monitor := .Values.metrics.serviceMonitor -}}
{{- if $monitor.enabled -}}
{{- if not .Values.metrics.enabled -}}
{{- fail "metrics.serviceMonitor.enabled is true but metrics.enabled is false: there would be nothing to scrape" -}}
{{- end -}}
{{- $interval := include "moeplan.milliseconds" (list "metrics.serviceMonitor.interval" $monitor.interval) | int64 -}}
{{- $timeout := include "moeplan.milliseconds" (list "metrics.serviceMonitor.scrapeTimeout" $monitor.scrapeTimeout) | int64 -}}
{{- if gt $timeout $interval -}}
{{- fail (printf "metrics.serviceMonitor.scrapeTimeout is %q: at most the interval, %s" $monitor.scrapeTimeout $monitor.interval) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.metrics.prometheusRule.enabled (not .Values.metrics.enabled) -}}
{{- fail "metrics.prometheusRule.enabled is true but metrics.enabled is false: there would be nothing to watch" -}}
{{- end -}}
{{- if and .Values.metrics.podAnnotations (not .Values.metrics.enabled) -}}
{{- fail "metrics.podAnnotations is true but metrics.enabled is false: there would be nothing to scrape" -}}
{{- end -}}
{{- end -}}

{{- define "moeplan.checkSecurity" -}}
{{- $pod := default dict .Values.podSecurityContext -}}
{{- if and (hasKey $pod "runAsUser") (not (kindIs "invalid" $pod.runAsUser)) (eq (toString $pod.runAsUser) "0") -}}
{{- fail "podSecurityContext.runAsUser is 0: the server never needs root; use another user, or null where the platform chooses one" -}}
{{- end -}}
{{- range $key := list "privileged" "allowPrivilegeEscalation" -}}
{{- if get (default dict $.Values.securityContext) $key -}}
{{- fail (printf "securityContext.%s is true: the server needs no such right; set it to false" $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "moeplan.check" -}}
{{- range $rule := list "OneServer" "Names" "Server" "Storage" "Ports" "Monitoring" "Security" "Worker" -}}
{{- $_ := include (printf "moeplan.check%s" $rule) $ -}}
{{- end -}}
{{- $_ := include "moeplan.gracePeriod" . -}}
{{- end -}}
