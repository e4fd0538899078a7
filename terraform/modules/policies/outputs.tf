output "policies" {
  description = "Documents of the alert policies, by their display name."
  value       = local.policies

  precondition {
    condition     = length(local.unknown) == 0
    error_message = "dr.yaml lists ${join(", ", local.unknown)} under alerts, which no policy here begins like: ${join(", ", keys(local.templates))}."
  }

  precondition {
    condition     = length(local.astray) == 0
    error_message = "The target is not of the kind that the policy watches, or lacks what it needs (urlMap, an entrance's host, service_maximum): ${join(", ", local.astray)}."
  }
}
