# What each function may do in the protected system, by where it is given: what the code needs (permissions.json, which is read from
# the code), without what belongs to runbooks that may only observe. It makes nothing, so `terraform console` and the tests see it whole.

locals {
  needed = jsondecode(file("${path.module}/permissions.json"))
  order  = { observe = 0, approve = 1, auto = 2 }

  # dr.yaml says how far each runbook goes; the ceiling says how far any may be let by its permissions.
  stated  = { for runbook in keys(local.needed.runbooks) : runbook => try(var.system.mode.perRunbook[runbook], var.system.mode.default) }
  ceiling = { for runbook in keys(local.needed.runbooks) : runbook => try(var.mode.per_runbook[runbook], var.mode.default) }
  above   = [for runbook, mode in local.stated : runbook if local.order[mode] > local.order[local.ceiling[runbook]]]
  acting  = [for runbook, mode in local.stated : runbook if mode != "observe"]

  scopes = ["project", "secrets", "rows", "evidence", "dumps", "copies", "cluster"]

  granted = {
    for name, look in local.needed.look : name => {
      for scope in local.scopes : scope => sort(distinct(concat(
        try(look[scope], []),
        flatten([for runbook in local.acting : try(local.needed.runbooks[runbook][name][scope], [])]),
      )))
    }
  }
}
