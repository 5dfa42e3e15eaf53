#!/usr/bin/env bash
# How long the kernel keeps back what a corked socket was given.
# needs: g++
source "$SESSIONS/lib.sh"

run 'g++ -std=c++20 -o cork cork.cpp'
vary 'not corked arrived after (\d+) ms' 0
vary '^corked +arrived after (\d{3,}) ms' 207
run './cork'
