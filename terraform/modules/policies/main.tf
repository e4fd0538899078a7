# The alert policies that dr.yaml lists under `alerts`, as documents: which one is which, what it watches of which target, how long a
# condition has to hold. It makes nothing, so that a test compares every word of it with the policies that the sandbox runs on.
#
# A policy of dr.yaml has one of the names below, or one of them and a suffix of its own: dr-app-5xx, dr-app-5xx-billing.

locals {
  databases    = { for database in var.system.databases : database.instance => database }
  applications = { for application in var.system.applications : application.id => application }
  project      = var.system.system.project

  inactive = "EVALUATION_MISSING_DATA_INACTIVE"

  templates = {
    "dr-cloudsql-primary-down"  = { severity = "CRITICAL", scenario = "database-primary-failure", about = "Runbook 3.1. Primary database failure." }
    "dr-app-5xx"                = { severity = "ERROR", scenario = "database-primary-failure", about = "Runbook 3.1. The API in the cluster answers 500." }
    "dr-cloudrun-5xx"           = { severity = "ERROR", scenario = "database-primary-failure", about = "Runbook 3.1. The API on Cloud Run answers 500." }
    "dr-uptime"                 = { severity = "CRITICAL", scenario = "application-cluster-failure", about = "Runbook 4.1. The public address fails its deep health check from more than one place." }
    "dr-pod-not-ready"          = { severity = "WARNING", scenario = "single-pod-failure", about = "Runbook 4.2. A pod of the API is not ready." }
    "dr-pod-crashloop"          = { severity = "ERROR", scenario = "single-pod-failure", about = "Runbook 4.2. A container of the API starts again and again." }
    "dr-cloudrun-slow"          = { severity = "WARNING", scenario = "service-under-pressure", about = "The API on Cloud Run answers, and one request in twenty takes longer than 1.5 s." }
    "dr-cloudsql-mass-change"   = { severity = "WARNING", scenario = "data-damage", about = "Runbook 3.2. More rows than ever are changed or deleted: a job that spoils them, or a deletion by mistake." }
    "dr-secret-read"            = { severity = "CRITICAL", scenario = "security-breach", about = "Runbook 7.1. A secret was read by somebody whom dr.yaml does not name for it.\n\n${local.entry}" }
    "dr-database-user-changed"  = { severity = "CRITICAL", scenario = "security-breach", about = "Runbook 7.1. A user of the database or its password was changed by somebody who is no administrator of dr.yaml.\n\n${local.entry}" }
    "dr-project-policy-changed" = { severity = "CRITICAL", scenario = "security-breach", about = "Runbook 7.1. Who may do what in the project was changed by somebody who is no administrator of dr.yaml.\n\n${local.entry}" }
    "dr-cloudrun-no-instance"   = { severity = "ERROR", scenario = "service-under-pressure", about = "The API on Cloud Run has no instance left for further requests." }
  }

  named = {
    for alert in var.system.alerts : alert.policy => {
      # What is about the whole system has no target.
      target = try(alert.target, local.project)
      kind   = one([for name in keys(local.templates) : name if alert.policy == name || startswith(alert.policy, "${name}-")])
    }
  }

  # A log match tells nothing of its entry but what these variables of Monitoring's become; intake reads the lines.
  entry = join("\n", [for label in ["principal", "method", "resource"] : "${label}: $${log.extracted_label.${label}}"])
  extractors = {
    principal = "EXTRACT(protoPayload.authenticationInfo.principalEmail)"
    method    = "EXTRACT(protoPayload.methodName)"
    resource  = "EXTRACT(protoPayload.resourceName)"
  }

  # Who does it by profession is left out, and so is a call that was refused (google.rpc.Code 7).
  caller         = "protoPayload.authenticationInfo.principalEmail"
  administrators = join("", [for identity in try(var.system.administrators, []) : " AND NOT ${local.caller} = \"${identity}\""])
  done           = " AND NOT protoPayload.status.code = 7"
  audit          = { for name in ["activity", "data_access"] : name => "logName = \"projects/${local.project}/logs/cloudaudit.googleapis.com%2F${name}\"" }
  # A secret for which nobody is named is read by nobody that we could tell from a thief.
  guarded = [for secret in try(var.system.rotation, []) : "(protoPayload.resourceName : \"/secrets/${secret.name}/\"${join("", [for identity in secret.identities : " AND NOT ${local.caller} = \"${identity}\""])})" if length(try(secret.identities, [])) > 0]
  owned   = [for name in keys(local.databases) : "resource.labels.database_id = \"${local.project}:${name}\""]
  matches = {
    "dr-secret-read" = {
      name   = "A secret is read by a stranger"
      filter = "${local.audit.data_access} AND protoPayload.methodName = \"google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion\" AND (${join(" OR ", local.guarded)})${local.done}"
    }
    "dr-database-user-changed" = {
      name   = "A user of the database is changed by a stranger"
      filter = "${local.audit.activity} AND (protoPayload.methodName = \"cloudsql.users.create\" OR protoPayload.methodName = \"cloudsql.users.update\") AND (${join(" OR ", local.owned)})${local.administrators}${local.done}"
    }
    "dr-project-policy-changed" = {
      name   = "The policy of the project is changed by a stranger"
      filter = "${local.audit.activity} AND resource.type = \"project\" AND protoPayload.methodName = \"SetIamPolicy\"${local.administrators}${local.done}"
    }
  }

  # What a condition is about, in Monitoring's filter language.
  cloudsql = { for name in keys(local.databases) : name => "resource.type = \"cloudsql_database\" AND resource.labels.database_id = \"${local.project}:${name}\"" }
  cloudrun = { for id, application in local.applications : id => "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"${application.service}\"" if application.kind == "cloudRun" }
  gke      = { for id, application in local.applications : id => application if application.kind == "gke" }
  hosts    = { for id in keys(local.applications) : id => one([for entrance in try(var.system.entrances, []) : entrance.host if entrance.backends[0].application == id]) }

  conditions = {
    for name, policy in local.named : name => contains(keys(local.matches), policy.kind) ? [] : {
      "dr-cloudsql-primary-down" = [
        {
          name         = "Cloud SQL primary is down"
          filter       = "${try(local.cloudsql[policy.target], "")} AND metric.type = \"cloudsql.googleapis.com/database/up\""
          comparison   = "COMPARISON_LT"
          threshold    = 1
          duration     = "60s"
          aggregation  = { alignmentPeriod = "60s", perSeriesAligner = "ALIGN_MAX" }
          missing_data = local.inactive
        },
        {
          name         = "Cloud SQL primary is silent"
          filter       = "${try(local.cloudsql[policy.target], "")} AND metric.type = \"cloudsql.googleapis.com/database/up\""
          comparison   = null
          threshold    = null
          duration     = "180s"
          aggregation  = { alignmentPeriod = "60s", perSeriesAligner = "ALIGN_MAX" }
          missing_data = null
        },
      ]
      "dr-app-5xx" = [
        {
          name         = "5xx of the load balancer above 0.5 per second"
          filter       = "resource.type = \"https_lb_rule\" AND resource.labels.url_map_name = \"${try(local.gke[policy.target].urlMap, "")}\" AND metric.type = \"loadbalancing.googleapis.com/https/request_count\" AND metric.labels.response_code_class = \"500\""
          comparison   = "COMPARISON_GT"
          threshold    = 0.5
          duration     = "60s"
          aggregation  = { alignmentPeriod = "60s", perSeriesAligner = "ALIGN_RATE" }
          missing_data = local.inactive
        },
      ]
      "dr-cloudrun-5xx" = [
        {
          name         = "5xx of the Cloud Run service above 0.5 per second"
          filter       = "${try(local.cloudrun[policy.target], "")} AND metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code_class = \"5xx\""
          comparison   = "COMPARISON_GT"
          threshold    = 0.5
          duration     = "60s"
          aggregation  = { alignmentPeriod = "60s", perSeriesAligner = "ALIGN_RATE" }
          missing_data = local.inactive
        },
      ]
      "dr-cloudsql-mass-change" = [
        for operation in ["update", "delete"] : {
          name         = "Rows that are ${operation}d, above 1.5 per second"
          filter       = "${try(local.cloudsql[policy.target], "")} AND metric.type = \"cloudsql.googleapis.com/database/postgresql/tuples_processed_count\" AND metric.labels.operation_type = \"${operation}\""
          comparison   = "COMPARISON_GT"
          threshold    = 1.5
          duration     = "0s"
          aggregation  = { alignmentPeriod = "60s", perSeriesAligner = "ALIGN_RATE" }
          missing_data = local.inactive
        }
      ]
      "dr-cloudrun-slow" = [
        {
          name         = "95th percentile of the latency above 1.5 s for two minutes"
          filter       = "${try(local.cloudrun[policy.target], "")} AND metric.type = \"run.googleapis.com/request_latencies\" AND metric.labels.response_code_class = \"2xx\""
          comparison   = "COMPARISON_GT"
          threshold    = 1500
          duration     = "120s"
          aggregation  = { alignmentPeriod = "60s", perSeriesAligner = "ALIGN_PERCENTILE_95" }
          missing_data = local.inactive
        },
      ]
      "dr-uptime" = [
        {
          name         = "Failure of uptime check ${try(var.uptime_checks[local.hosts[policy.target]], "")}"
          filter       = "metric.type=\"monitoring.googleapis.com/uptime_check/check_passed\" AND metric.label.check_id=\"${try(var.uptime_checks[local.hosts[policy.target]], "")}\" AND resource.type=\"uptime_url\""
          comparison   = "COMPARISON_GT"
          threshold    = 1
          duration     = "60s"
          aggregation  = { alignmentPeriod = "1200s", perSeriesAligner = "ALIGN_NEXT_OLDER", crossSeriesReducer = "REDUCE_COUNT_FALSE", groupByFields = ["resource.label.*"] }
          missing_data = null
        },
      ]
      "dr-pod-not-ready" = [
        {
          name         = "Pod not ready for two minutes"
          filter       = "resource.type = \"prometheus_target\" AND metric.type = \"prometheus.googleapis.com/kube_pod_status_ready/gauge\" AND metric.labels.namespace = \"${try(local.gke[policy.target].namespace, "")}\" AND metric.labels.pod = starts_with(\"${try(local.gke[policy.target].deployment, "")}-\") AND metric.labels.condition = \"true\""
          comparison   = "COMPARISON_LT"
          threshold    = 1
          duration     = "120s"
          aggregation  = { alignmentPeriod = "60s", perSeriesAligner = "ALIGN_MAX" }
          missing_data = local.inactive
        },
      ]
      "dr-pod-crashloop" = [
        {
          name         = "Container restarts > 3 in 10 min"
          filter       = "resource.type = \"k8s_container\" AND metric.type = \"kubernetes.io/container/restart_count\" AND resource.labels.namespace_name = \"${try(local.gke[policy.target].namespace, "")}\" AND resource.labels.pod_name = starts_with(\"${try(local.gke[policy.target].deployment, "")}-\")"
          comparison   = "COMPARISON_GT"
          threshold    = 3
          duration     = "0s"
          aggregation  = { alignmentPeriod = "600s", perSeriesAligner = "ALIGN_DELTA" }
          missing_data = null
        },
      ]
      "dr-cloudrun-no-instance" = [
        {
          name         = "429 of the Cloud Run service above 0.05 per second"
          filter       = "${try(local.cloudrun[policy.target], "")} AND metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code = \"429\""
          comparison   = "COMPARISON_GT"
          threshold    = 0.05
          duration     = "60s"
          aggregation  = { alignmentPeriod = "60s", perSeriesAligner = "ALIGN_RATE" }
          missing_data = local.inactive
        },
        {
          name         = "All instances of the Cloud Run service busy for two minutes"
          filter       = "${try(local.cloudrun[policy.target], "")} AND metric.type = \"run.googleapis.com/container/instance_count\" AND metric.labels.state = \"active\""
          comparison   = "COMPARISON_GT"
          threshold    = try(var.service_maximum[policy.target], 0) - 1
          duration     = "120s"
          aggregation  = { alignmentPeriod = "60s", perSeriesAligner = "ALIGN_MAX" }
          missing_data = local.inactive
        },
      ]
    }[policy.kind] if policy.kind != null
  }

  policies = {
    for name, policy in local.named : name => merge(local.templates[policy.kind], { target = policy.target, conditions = local.conditions[name], match = lookup(local.matches, policy.kind, null) == null ? null : merge(local.matches[policy.kind], { extractors = local.extractors }) })
    if policy.kind != null
  }

  unknown = [for name, policy in local.named : name if policy.kind == null]
  # A target of another kind than the policy is about would watch nothing, and be silent for ever.
  astray = [for name, policy in local.policies : "${name} (${policy.target})" if !lookup({
    "dr-cloudsql-primary-down"  = contains(keys(local.databases), policy.target)
    "dr-app-5xx"                = try(local.gke[policy.target].urlMap, "") != ""
    "dr-cloudrun-5xx"           = contains(keys(local.cloudrun), policy.target)
    "dr-uptime"                 = try(var.uptime_checks[local.hosts[policy.target]], "") != ""
    "dr-cloudsql-mass-change"   = contains(keys(local.databases), policy.target)
    "dr-secret-read"            = length(local.guarded) > 0
    "dr-database-user-changed"  = length(local.owned) > 0 && length(try(var.system.administrators, [])) > 0
    "dr-project-policy-changed" = length(try(var.system.administrators, [])) > 0
    "dr-cloudrun-slow"          = contains(keys(local.cloudrun), policy.target)
    "dr-cloudrun-no-instance"   = contains(keys(local.cloudrun), policy.target) && contains(keys(var.service_maximum), policy.target)
  }, local.named[name].kind, contains(keys(local.gke), policy.target))]
}
