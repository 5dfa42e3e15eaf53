break 24 if train.length > 1000
run
print train.length
print got
print train.number
print *(char(*)[4]) &train.number
kill
