# How we hear of the protected system: uptime checks of its entrances, the alert policies of dr.yaml, and the channel to our topic.

locals {
  hosts = toset([for entrance in try(var.system.entrances, []) : entrance.host])
  # The path of the deep health check, as dr.yaml has it for the entrance.
  paths = { for entrance in try(var.system.entrances, []) : entrance.host => regex("^https://[^/]+(/.*)$", entrance.probe)[0] }
}

resource "google_monitoring_notification_channel" "alerts" {
  project      = var.project
  display_name = "dr-autopilot"
  description  = "Publishes on ${var.topic_name}, which classify hears."
  type         = "pubsub"

  labels = {
    topic = var.topic_id
  }
}

# Google makes Monitoring's agent with the first channel, so the right comes after it. Nobody else may publish there: what it says opens
# incidents.
resource "google_pubsub_topic_iam_member" "monitoring" {
  project = var.project
  topic   = var.topic_name
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:service-${var.project_number}@gcp-sa-monitoring-notification.iam.gserviceaccount.com"

  depends_on = [google_monitoring_notification_channel.alerts]
}

resource "google_monitoring_uptime_check_config" "entrance" {
  for_each = local.hosts

  project      = var.project
  display_name = "dr-autopilot ${each.key}"
  period       = "60s"
  timeout      = "10s"

  http_check {
    path         = local.paths[each.key]
    port         = 443
    use_ssl      = true
    validate_ssl = true
  }

  # It is 200 whatever the state; what counts is what the answer says.
  content_matchers {
    content = "\"ok\""
    matcher = "MATCHES_JSON_PATH"

    json_path_matcher {
      json_path    = "$.status"
      json_matcher = "EXACT_MATCH"
    }
  }

  monitored_resource {
    type = "uptime_url"

    labels = {
      project_id = var.project
      host       = each.key
    }
  }
}

module "policies" {
  source = "../policies"

  system          = var.system
  service_maximum = var.service_maximum
  uptime_checks   = { for host, check in google_monitoring_uptime_check_config.entrance : host => check.uptime_check_id }
}

resource "google_monitoring_alert_policy" "scenario" {
  # Their names are known before the ids of the uptime checks are.
  for_each = toset([for alert in var.system.alerts : alert.policy])

  project               = var.project
  display_name          = each.key
  combiner              = "OR"
  enabled               = true
  severity              = module.policies.policies[each.key].severity
  notification_channels = concat([google_monitoring_notification_channel.alerts.name], var.people_channels)

  user_labels = {
    dr_scenario = module.policies.policies[each.key].scenario
    dr_target   = module.policies.policies[each.key].target
  }

  documentation {
    content   = module.policies.policies[each.key].about
    mime_type = "text/markdown"
  }

  # A closed alert makes us look and ends nothing. A log match has no end to be told of, and tells the same deed once an hour.
  alert_strategy {
    auto_close           = module.policies.policies[each.key].match == null ? "1800s" : "604800s"
    notification_prompts = module.policies.policies[each.key].match == null ? ["OPENED", "CLOSED"] : ["OPENED"]

    dynamic "notification_rate_limit" {
      for_each = module.policies.policies[each.key].match == null ? [] : ["3600s"]

      content {
        period = notification_rate_limit.value
      }
    }
  }

  dynamic "conditions" {
    for_each = module.policies.policies[each.key].match == null ? [] : [module.policies.policies[each.key].match]

    content {
      display_name = conditions.value.name

      condition_matched_log {
        filter           = conditions.value.filter
        label_extractors = conditions.value.extractors
      }
    }
  }

  dynamic "conditions" {
    for_each = module.policies.policies[each.key].conditions

    content {
      display_name = conditions.value.name

      dynamic "condition_threshold" {
        for_each = conditions.value.comparison == null ? [] : [conditions.value]

        content {
          filter                  = condition_threshold.value.filter
          comparison              = condition_threshold.value.comparison
          threshold_value         = condition_threshold.value.threshold
          duration                = condition_threshold.value.duration
          evaluation_missing_data = condition_threshold.value.missing_data

          aggregations {
            alignment_period     = condition_threshold.value.aggregation.alignmentPeriod
            per_series_aligner   = condition_threshold.value.aggregation.perSeriesAligner
            cross_series_reducer = try(condition_threshold.value.aggregation.crossSeriesReducer, null)
            group_by_fields      = try(condition_threshold.value.aggregation.groupByFields, null)
          }

          trigger {
            count = 1
          }
        }
      }

      dynamic "condition_absent" {
        for_each = conditions.value.comparison == null ? [conditions.value] : []

        content {
          filter   = condition_absent.value.filter
          duration = condition_absent.value.duration

          aggregations {
            alignment_period   = condition_absent.value.aggregation.alignmentPeriod
            per_series_aligner = condition_absent.value.aggregation.perSeriesAligner
          }

          trigger {
            count = 1
          }
        }
      }
    }
  }
}

# Who reads a secret is written down by nobody unless this is on. It is the project's only such setting for Secret Manager: one that was
# made elsewhere, with exempted members or other types, is replaced by it.
resource "google_project_iam_audit_config" "secrets" {
  for_each = toset([for alert in var.system.alerts : "secretmanager.googleapis.com" if startswith(alert.policy, "dr-secret-read")])

  project = var.project
  service = each.key

  audit_log_config {
    log_type = "DATA_READ"
  }
}
