// RUN: dlc-opt %s --split-input-file --verify-diagnostics

// An error on the next line, and on the line itself.
func.func @next_line(%x: tensor<4xf32>) {
  // expected-error @+1 {{does not verify}}
  %0 = "dlc.exp"(%x) : (tensor<4xf32>) -> tensor<5xf32>
  func.return
}

// -----

func.func @same_line(%x: tensor<4xf32>) {
  %0 = "dlc.exp"(%x) : (tensor<4xf32>) -> tensor<5xf32> // expected-error {{does not verify}}
  func.return
}

// -----

// The line above.
func.func @above(%x: tensor<4xf32>) {
  %0 = "dlc.exp"(%x) : (tensor<4xf32>) -> tensor<5xf32>
  // expected-error @above {{does not verify}}
  func.return
}

// -----

// Errors of the parser.
func.func @parser() {
  // expected-error @below {{is not registered}}
  "unheard.of"() : () -> ()
  func.return
}
