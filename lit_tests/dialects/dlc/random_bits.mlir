// RUN: dlc-opt %s --split-input-file --verify-diagnostics --verify-roundtrip | filecheck %s

// The result says the shape and the width; keys in an array come first.
// CHECK-LABEL: func.func @round_trip
func.func @round_trip(%key: tensor<2xui32>, %keys: tensor<5x2xui32>, %stream: tensor<ui32>, %streams: tensor<5xui32>) {
  // CHECK: dlc.random_bits %key stream %stream domain 0 : tensor<2xui32>, tensor<ui32> -> tensor<3x7xui64>
  %0 = dlc.random_bits %key stream %stream domain 0 : tensor<2xui32>, tensor<ui32> -> tensor<3x7xui64>
  // CHECK: dlc.random_bits %keys stream %streams domain 1 : tensor<5x2xui32>, tensor<5xui32> -> tensor<5x3xui8>
  %1 = dlc.random_bits %keys stream %streams domain 1 : tensor<5x2xui32>, tensor<5xui32> -> tensor<5x3xui8>
  func.return
}

// -----

func.func @key_of_three_words(%key: tensor<3xui32>, %stream: tensor<ui32>) {
  // expected-error @+1 {{dlc.random_bits: key has type tensor<3xui32>, expected tensor<…x2xui32>}}
  %0 = dlc.random_bits %key stream %stream domain 0 : tensor<3xui32>, tensor<ui32> -> tensor<3xui32>
  func.return
}

// -----

func.func @one_stream_for_many_keys(%keys: tensor<5x2xui32>, %stream: tensor<ui32>) {
  // expected-error @+1 {{dlc.random_bits: stream has type tensor<ui32>, expected tensor<5xui32>, a number for each key}}
  %0 = dlc.random_bits %keys stream %stream domain 0 : tensor<5x2xui32>, tensor<ui32> -> tensor<5xui32>
  func.return
}

// -----

func.func @domain_of_33_bits(%key: tensor<2xui32>, %stream: tensor<ui32>) {
  // expected-error @+1 {{dlc.random_bits: domain 4294967296 is not a number of 32 bits}}
  %0 = dlc.random_bits %key stream %stream domain 4294967296 : tensor<2xui32>, tensor<ui32> -> tensor<3xui32>
  func.return
}

// -----

func.func @floating_point(%key: tensor<2xui32>, %stream: tensor<ui32>) {
  // expected-error @+1 {{dlc.random_bits: the result has type tensor<3xf32>, expected elements of ui8 to ui64}}
  %0 = dlc.random_bits %key stream %stream domain 0 : tensor<2xui32>, tensor<ui32> -> tensor<3xf32>
  func.return
}

// -----

func.func @without_the_keys(%keys: tensor<5x2xui32>, %streams: tensor<5xui32>) {
  // expected-error @+1 {{dlc.random_bits: the result has type tensor<3xui32>, expected it to start with the sizes [5] of the array of keys}}
  %0 = dlc.random_bits %keys stream %streams domain 0 : tensor<5x2xui32>, tensor<5xui32> -> tensor<3xui32>
  func.return
}
