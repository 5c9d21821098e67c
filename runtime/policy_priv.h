/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "runtime/policy.h"

/* policy_network.c: every interface for itself, by its mode, and all of them against each other and what the host has of IPv6. */
int policy_check_network(const struct guest_config *config, struct err *err) _must_check_;

/* Are the host's links there that interfaces are to be on? */
int policy_check_links(const struct node *node, const struct guest_config *config, struct err *err) _must_check_;
