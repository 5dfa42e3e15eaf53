// command_line_test.cpp: options and operands, good and bad.
#include "plumbing/command_line.hpp"

#include <gtest/gtest.h>

#include <cstdint>

#include "support.hpp"

namespace {

CommandLine parse(Arguments words) {
  return parse_command_line(words.count(), words.values(), "usage: tool", 1, 2,
                            {{"raw", no_argument, nullptr, 0}, {"send", required_argument, nullptr, 0}});
}

TEST(CommandLine, TellsOptionsFromOperands) {
  const CommandLine line = parse({"tool", "--raw", "--send=mmap", "one", "two"});
  EXPECT_TRUE(line.options.contains("raw"));
  EXPECT_EQ(line.options.at("send"), "mmap");
  EXPECT_EQ(line.operands, (std::vector<std::string>{"one", "two"}));
}

TEST(CommandLine, KnowsNothingOfAnOptionThatWasNotGiven) {
  const CommandLine line = parse({"tool", "one"});
  EXPECT_FALSE(line.options.contains("raw"));
  EXPECT_FALSE(line.options.contains("send"));
}

TEST(CommandLine, TakesTheValueFromTheNextWordToo) {
  EXPECT_EQ(parse({"tool", "--send", "mmap", "one"}).options.at("send"), "mmap");
}

TEST(CommandLine, TakesAnEmptyValue) { EXPECT_EQ(parse({"tool", "--send=", "one"}).options.at("send"), ""); }

TEST(CommandLine, FindsOptionsBehindOperands) {
  const CommandLine line = parse({"tool", "one", "--raw"});
  EXPECT_TRUE(line.options.contains("raw"));
  EXPECT_EQ(line.operands, std::vector<std::string>{"one"});
}

TEST(CommandLine, TakesAllBehindTwoDashesForOperands) {
  EXPECT_EQ(parse({"tool", "--", "--raw"}).operands, std::vector<std::string>{"--raw"});
}

TEST(CommandLine, CanBeParsedAgain) {
  parse({"tool", "--raw", "one", "two"});
  EXPECT_EQ(parse({"tool", "--send=copy", "one"}).operands, std::vector<std::string>{"one"});
}

TEST(CommandLine, NamesTheOptionThatItDoesNotKnow) {
  EXPECT_EQ(message_of([] {
              parse({"tool", "--fast", "one"});
            }),
            "unknown option, or one without its value: --fast");
  EXPECT_THROW(parse({"tool", "-x", "one"}), UsageError);
}

TEST(CommandLine, RefusesAnOptionWithoutItsValue) {
  EXPECT_THROW(parse({"tool", "one", "--send"}), UsageError);
}

TEST(CommandLine, RefusesAValueForAnOptionThatTakesNone) {
  EXPECT_THROW(parse({"tool", "--raw=yes", "one"}), UsageError);
}

TEST(CommandLine, RefusesTooFewAndTooManyOperands) {
  EXPECT_EQ(message_of([] { parse({"tool"}); }), "too few arguments");
  EXPECT_EQ(message_of([] { parse({"tool", "1", "2", "three"}); }), "too many arguments: three");
}

TEST(CommandLineDeathTest, HelpPrintsTheUsageAndEndsWithZero) {
  EXPECT_EXIT(
      {
        ::dup2(STDERR_FILENO, STDOUT_FILENO);  // the death test looks at standard error only
        parse({"tool", "--help"});
      },
      testing::ExitedWithCode(0), "^usage: tool\n$");
}

TEST(Number, IsTakenFromItsLeastToItsMost) {
  EXPECT_EQ(parse_number("PORT", "0", 0, 65535), 0U);
  EXPECT_EQ(parse_number("PORT", "65535", 0, 65535), 65535U);
  EXPECT_EQ(parse_number("SIZE", "18446744073709551615", 0, SIZE_MAX), SIZE_MAX);
}

TEST(Number, IsRefusedOutsideItsLimits) {
  EXPECT_EQ(message_of([] { parse_number("PORT", "65536", 1, 65535); }),
            "PORT must be a number from 1 to 65535, not '65536'");
  EXPECT_THROW(parse_number("PORT", "0", 1, 65535), UsageError);
  EXPECT_THROW(parse_number("SIZE", "18446744073709551616", 0, SIZE_MAX), UsageError);
}

TEST(Number, IsRefusedWithAnythingElseAroundIt) {
  for (const char* text : {"", " ", "x", "1x", "x1", " 1", "1 ", "+1", "-1", "1.0", "0x10", "1e3"})
    EXPECT_THROW(parse_number("WORKERS", text, 0, 512), UsageError) << "'" << text << "'";
  EXPECT_THROW(parse_number("WORKERS", std::string("1\0", 2), 0, 512), UsageError);
}

}  // namespace
