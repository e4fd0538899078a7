variable "approve_hosts" {
  type        = map(string)
  description = "Host of the approval page in each control region, such as { us-east4 = \"dr-east.example.com\" }. The same addresses stand in dr.yaml under endpoints.approve, since every link carries all of them."

  validation {
    condition     = length(setsubtract(yamldecode(file(var.dr_yaml)).system.controlRegions, keys(var.approve_hosts))) == 0
    error_message = "Every control region of dr.yaml needs a host: a link must have a way in when one of them is gone."
  }

  validation {
    condition     = alltrue([for host in values(var.approve_hosts) : contains(try(yamldecode(file(var.dr_yaml)).endpoints.approve, []), "https://${host}")])
    error_message = "dr.yaml lists other addresses under endpoints.approve: notify would send links that lead nowhere."
  }
}

variable "bundles" {
  type        = string
  description = "Folder with the bundles, one NAME.zip for each function, each with the dr.yaml that it runs on."
}

variable "commanders" {
  type        = map(string)
  description = "IAM members that may publish commands, by a name of your choice: they can ask for a recovery, and approve nothing."
  default     = {}
}

variable "database" {
  type        = string
  description = "Name of the Firestore database."
  default     = "dr-autopilot"
}

variable "database_location" {
  type        = string
  description = "Multi-region of the database: nam5, nam7 or eur3. It keeps a majority without any protected region, and can't be changed later."
}

variable "dr_yaml" {
  type        = string
  description = "Path of dr.yaml: what is protected, where, for whom, and how far."

  validation {
    condition     = length(yamldecode(file(var.dr_yaml)).system.controlRegions) >= 2
    error_message = "dr-autopilot runs in at least two regions (system.controlRegions), or it is lost with one."
  }

  validation {
    condition     = length(setsubtract(yamldecode(file(var.dr_yaml)).system.controlRegions, yamldecode(file(var.dr_yaml)).system.protectedRegions)) >= 1
    error_message = "At least one control region must be no protected region, or dr-autopilot is lost with what it repairs."
  }
}

variable "evidence" {
  type = object({
    location       = string
    retention_days = number
    is_locked      = bool
  })
  description = "Makes the bucket that dr.yaml names under forensics. Leave it out where the bucket is there, best in a project of its own. A locked retention is for good."
  default     = null
}

variable "evidence_project" {
  type        = string
  description = "The project of the bucket that dr.yaml names under forensics, where it is another than the protected one. Whoever applies needs roles/iam.roleAdmin and roles/storage.admin there."
  default     = null
}

variable "heartbeat" {
  type        = bool
  description = "Whether tick tells a party outside Google that all is well. Its address is the value of the secret dr-heartbeat-url; add it before you apply."
  default     = false
}

variable "labels" {
  type        = map(string)
  description = "Labels of everything, beside app = dr-autopilot."
  default     = {}
}

variable "mode" {
  type = object({
    default     = string
    per_runbook = optional(map(string), {})
  })
  description = "How far runbooks are let: observe, approve or auto. The mode in dr.yaml may be less and never more; with observe no function can change anything."
  default     = { default = "observe" }
}

variable "operators" {
  type = object({
    issuer   = string
    audience = string
  })
  description = "OIDC issuer and audience of people who operate (./dr acknowledge, cancel, stop …). Without it nobody can."
  default     = null
}

variable "people_channels" {
  type        = list(string)
  description = "Notification channels that reach people past dr-autopilot: projects/P/notificationChannels/N, such as mail. It can't report its own silence."
}

variable "private_network" {
  type = object({
    network = string
    ranges  = map(string)
  })
  description = "Network in which the protected system has private addresses, and an unused /28 for each control region. Leave it out where it has none: connectors cost while nothing happens."
  default     = null
}

variable "service_identities" {
  type        = set(string)
  description = "E-mails of the service accounts as which the Cloud Run services of dr.yaml run: whoever changes a service has to be allowed to let it act as them."
  default     = []
}

variable "service_maximum" {
  type        = map(number)
  description = "Maximum of instances that each Cloud Run application of dr.yaml has itself, by its id, where an alert dr-cloudrun-no-instance is about it."
  default     = {}
}

variable "signing_key_id" {
  type        = string
  description = "Id of the key that is the newest version of dr-signing-key; its public part stands under this id in dr-public-keys."
}

variable "status_readers" {
  type        = map(string)
  description = "IAM members that may read the status pages, by a name of your choice. They are on the hosts of approve, behind the proxy; with another identity than iap nobody gets to them."
  default     = {}
}
