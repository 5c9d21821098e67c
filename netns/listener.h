/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "netns/filter.h"

/*
 * Is there a program that listens, in the network namespace of the caller, where `publish` takes packets to a guest? 1, and where
 * it listens; 0; or a negative errno. Loopback is not published. One that listens at "::" is taken to hear IPv4, too, as it does
 * unless it asked for IPv6 only. No privilege is needed.
 */
int net_listener_find(const struct net_publish *publish, struct net_address *ret, struct err *err) _must_check_;
