# Builds `server` and `client` for the number in ${stage}: the same sources for all, which ask the constant of wire.hpp.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
add_compile_definitions(BYTETRAIN_STAGE=${stage})

set(here ${CMAKE_CURRENT_LIST_DIR})
set(both ${here}/address.cpp ${here}/program.cpp ${here}/signal_pipe.cpp ${here}/system.cpp)
add_executable(server ${both} ${here}/server.cpp ${here}/dispatcher.cpp ${here}/handover.cpp ${here}/outbox.cpp
                      ${here}/source_file.cpp ${here}/worker.cpp)
add_executable(client ${both} ${here}/client.cpp ${here}/inbox.cpp ${here}/new_file.cpp ${here}/progress.cpp)
