"""Texts to run `dlc-opt` on, and how to read what it says."""

import re

EXP_SUM = """\
func.func @f(%x: tensor<4x3xf32>) -> tensor<4xf32> {
  %0 = dlc.exp %x : tensor<4x3xf32>
  %1 = dlc.reduce_sum %0 dims [1] : tensor<4x3xf32> -> tensor<4xf32>
  func.return %1 : tensor<4xf32>
}
"""
IDENTITY = "func.func @id(%x: tensor<2xf32>) -> tensor<2xf32> {\n  func.return %x : tensor<2xf32>\n}\n"
DOES_NOT_PARSE = "func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {\n  %0 = dlc.exp %x, : tensor<4xf32>\n}\n"
DOES_NOT_VERIFY = """\
func.func @f(%x: tensor<4xf32>) -> tensor<5xf32> {
  %0 = "dlc.exp"(%x) : (tensor<4xf32>) -> tensor<5xf32>
  func.return %0 : tensor<5xf32>
}
"""
CALLS_NOTHING = """\
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.call @g(%x) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
"""


def dumped_titles(err):
    return re.findall(r"^// -----// IR Dump (.*) //----- //$", err, re.MULTILINE)
