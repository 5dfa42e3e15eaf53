# Builds `server` and `client` for the stage whose number is in STAGE.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
add_compile_definitions(STAGE=${STAGE} _GNU_SOURCE _FILE_OFFSET_BITS=64)

set(common ${CMAKE_CURRENT_LIST_DIR})
foreach(source report command_line network)
  list(APPEND shared ${common}/${source}.c)
endforeach()
add_executable(server ${shared} ${common}/server.c ${common}/pool.c ${common}/channel.c ${common}/worker.c
  ${common}/send_file.c)
add_executable(client ${shared} ${common}/client.c ${common}/receive_file.c ${common}/incoming.c ${common}/progress.c)
