# terraform -chdir=terraform/modules/permissions init && terraform -chdir=terraform/modules/permissions test

variables {
  system = { mode = { default = "observe", perRunbook = {} } }
  mode   = { default = "observe" }
}

run "observe_changes_nothing" {
  command = plan

  assert {
    condition     = length([for permission in flatten([for by in values(output.granted) : values(by)]) : permission if !can(regex("\\.(connect|get|list|login|getIamPolicy)$", permission))]) == 0
    error_message = "A function could change something while every runbook only observes."
  }

  assert {
    condition     = length(output.acting) == 0
    error_message = "A runbook acts although its mode is observe."
  }
}

run "one_runbook" {
  command = plan

  variables {
    system = { mode = { default = "observe", perRunbook = { pod-heal = "auto" } } }
    mode   = { default = "observe", per_runbook = { pod-heal = "auto" } }
  }

  assert {
    condition     = contains(output.granted["heal"]["cluster"], "k8s.pods/eviction.create")
    error_message = "heal can't evict although pod-heal may act."
  }

  assert {
    condition     = !contains(output.granted["recover"]["project"], "cloudsql.instances.promoteReplica")
    error_message = "recover can promote although database-failover only observes."
  }
}

run "two_keys" {
  command = plan

  variables {
    system = { mode = { default = "approve" } }
    mode   = { default = "observe" }
  }

  expect_failures = [output.granted]
}
