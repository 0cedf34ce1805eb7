#!/bin/bash -e
echo "agent for $ROLE"
