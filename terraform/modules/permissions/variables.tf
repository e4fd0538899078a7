variable "mode" {
  type = object({
    default     = string
    per_runbook = optional(map(string), {})
  })
  description = "How far each runbook may be let: observe, approve or auto. What dr.yaml states may be less, and never more."
  nullable    = false

  validation {
    condition     = alltrue([for mode in concat([var.mode.default], values(var.mode.per_runbook)) : contains(["observe", "approve", "auto"], mode)])
    error_message = "A mode is observe, approve or auto."
  }
}

variable "system" {
  type        = any
  description = "dr.yaml, decoded."
}
